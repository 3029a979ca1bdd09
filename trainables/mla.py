"""MLA as a Trainable."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class MlaTrainable(MultimodalTrainable):
    """Settings beside the trainer's: project, combine and fusion_weights (or weight_<modality>)."""

    method = METHODS["mla"]
