"""What all search spaces share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SearchSpace:
    """A search space that is called like a function: ``diagnose_relearn(epochs)`` gives the domains."""

    domains: Callable[..., dict[str, Any]]
    """Makes a dict of ray.tune domains."""
    DEFAULTS: Mapping[str, Any]
    """The published values."""
    defaults: Callable[[int], dict[str, Any]]
    """The published values, scaled to a number of epochs."""

    def __call__(self, *arguments: Any) -> dict[str, Any]:
        """Make the domains."""
        return self.domains(*arguments)
