"""Sustained boosting with Diagnosing & Re-learning on top, as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn


class DRBoostingTrainable(MultimodalTrainable):
    """Settings of both methods. Encoders are re-learnt; heads, shared layer and momentum are kept.

    Where both fall on one epoch, heads are assigned first and encoders re-learnt then.
    """

    balancers = (Boosting, DiagnoseRelearn)
