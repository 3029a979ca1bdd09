"""AGM as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class AgmTrainable(MultimodalTrainable):
    """Settings beside the trainer's: alpha, begin and end."""

    method = METHODS["agm"]
