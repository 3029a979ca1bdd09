"""MMPareto as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class MMParetoTrainable(MultimodalTrainable):
    """Settings beside the trainer's: gain (gamma) and per (`tensor` or `encoder`)."""

    method = METHODS["mmpareto"]
