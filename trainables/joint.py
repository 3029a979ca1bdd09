"""Joint training, the baseline of every study."""

from trainables.base import MultimodalTrainable


class JointTrainable(MultimodalTrainable):
    """Cross-entropy on the fused logits, nothing balanced."""
