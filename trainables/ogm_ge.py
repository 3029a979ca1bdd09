"""OGM-GE as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class OgmGeTrainable(MultimodalTrainable):
    """Settings beside the trainer's: alpha, begin, end and conv_only."""

    method = METHODS["ogm_ge"]
