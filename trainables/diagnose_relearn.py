"""Diagnosing & Re-learning as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn


class DiagnoseRelearnTrainable(MultimodalTrainable):
    """Settings beside the trainer's: lam, every, max_relearnings and the three reset switches."""

    balancers = (DiagnoseRelearn,)
