"""CGGM as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class CggmTrainable(MultimodalTrainable):
    """Settings beside the trainer's: rho, lam (lambda) and limit."""

    method = METHODS["cggm"]
