"""PMR as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class PmrTrainable(MultimodalTrainable):
    """Settings beside the trainer's: alpha, memory (mu), weight and end."""

    method = METHODS["pmr"]
