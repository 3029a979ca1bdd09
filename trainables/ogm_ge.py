"""OGM-GE as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.balancers.ogm_ge import OgmGe


class OgmGeTrainable(MultimodalTrainable):
    """Settings beside the trainer's: alpha, begin, end and conv_only."""

    balancers = (OgmGe,)
