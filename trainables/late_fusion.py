"""Late fusion as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.balancers.late_fusion import LateFusion


class LateFusionTrainable(MultimodalTrainable):
    """Settings beside the trainer's: fusion_weights (or weight_<modality>)."""

    balancers = (LateFusion,)
