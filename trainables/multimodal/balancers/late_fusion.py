"""Late fusion: a linear head per modality, cross-entropy on the mean of their logits."""

from collections.abc import Mapping

from trainables.multimodal.balancers.base import Balancer


class LateFusion(Balancer):
    """The joint step on averaged logits.

    fusion_weights: weight of each modality in the mean, equal if none are given.
    """

    fusion = "late"

    def __init__(self, fusion_weights: Mapping[str, float] | None = None) -> None:
        self.fusion_weights = dict(fusion_weights or {})
