"""Sustained boosting (AUG) as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class BoostingTrainable(MultimodalTrainable):
    """Settings beside the trainer's: smoothing, period, max_heads, sigma, tau and Boosting's switches."""

    method = METHODS["boosting"]
