"""Late fusion: only the learning rate is searched; the modalities' logits are averaged."""

from typing import Any

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

DEFAULTS = {"lr": 2e-3}
"""As for joint training: no value of its own is published."""


def _domains() -> dict[str, Any]:
    """Domains of late fusion."""
    return {"lr": learning_rate()}


def _defaults() -> dict[str, Any]:
    """The values of joint training."""
    return dict(DEFAULTS)


late_fusion = SearchSpace(_domains, DEFAULTS, _defaults, LEARNING_RATE)
