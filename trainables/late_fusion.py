"""Late fusion as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class LateFusionTrainable(MultimodalTrainable):
    """Settings beside the trainer's: fusion_weights (or weight_<modality>)."""

    method = METHODS["late_fusion"]
