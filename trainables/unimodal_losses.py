"""Sums of the fused loss and one for each modality as Trainables."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class UniformTrainable(MultimodalTrainable):
    """No settings beside the trainer's."""

    method = METHODS["uniform"]


class DetachedTrainable(MultimodalTrainable):
    """No settings beside the trainer's; encoders learn from their own loss alone."""

    method = METHODS["detached"]
