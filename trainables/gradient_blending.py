"""Gradient-Blending as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class GradientBlendingTrainable(MultimodalTrainable):
    """Settings beside the trainer's: super_epoch (n; none is offline) and loss_weights."""

    method = METHODS["gradient_blending"]
