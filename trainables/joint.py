"""Joint training, the baseline of every study."""

from trainables.base import MultimodalTrainable
from trainables.multimodal.methods import METHODS


class JointTrainable(MultimodalTrainable):
    """Cross-entropy on the fused logits, nothing balanced."""

    method = METHODS["joint"]
