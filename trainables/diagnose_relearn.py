"""Diagnosing & Re-learning as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class DiagnoseRelearnTrainable(MultimodalTrainable):
    """Settings beside the trainer's: lam, every, max_relearnings and the three reset switches."""

    method = METHODS["diagnose_relearn"]
