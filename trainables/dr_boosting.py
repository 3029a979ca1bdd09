"""Sustained boosting with Diagnosing & Re-learning on top, as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class DRBoostingTrainable(MultimodalTrainable):
    """Settings of both methods. Encoders are re-learnt; heads, shared layer and momentum are kept.

    Where both fall on one epoch, heads are assigned first and encoders re-learnt then.
    """

    method = METHODS["dr_boosting"]
