"""Sustained boosting (AUG) as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.balancers.boosting import Boosting


class BoostingTrainable(MultimodalTrainable):
    """Settings beside the trainer's: smoothing, period, max_heads, sigma, tau and Boosting's switches."""

    balancers = (Boosting,)
