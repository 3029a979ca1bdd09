"""What all search spaces share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray import tune


@dataclass(frozen=True)
class SearchSpace:
    """A search space that is called like a function: ``diagnose_relearn(epochs)`` gives the domains."""

    domains: Callable[..., dict[str, Any]]
    """Makes a dict of ray.tune domains."""
    DEFAULTS: Mapping[str, Any]
    """The published values."""
    defaults: Callable[..., dict[str, Any]]
    """The published values for the same arguments as the domains: scaled to epochs, a weight per modality."""

    def __call__(self, *arguments: Any) -> dict[str, Any]:
        """Make the domains."""
        return self.domains(*arguments)

    def without(self, *keys: str) -> "SearchSpace":
        """The same space less `keys`, for a variant of the method that has no use for them."""

        def rest(make: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
            return lambda *arguments: _less(make(*arguments), keys)

        return SearchSpace(rest(self.domains), _less(self.DEFAULTS, keys), rest(self.defaults))


def learning_rate() -> Any:
    """The domain of every method's learning rate: a method must not win by a wider search."""
    return tune.loguniform(1e-3, 1e-1)


def period(epochs: int) -> Any:
    """A period in epochs, in [1, epochs // 4]: what happens every so often happens early in every trial."""
    return tune.randint(1, max(1, epochs // 4) + 1)  # the upper end is exclusive


def scaled_period(published: int, published_epochs: int, epochs: int) -> int:
    """A published period at another number of epochs, inside the domain above."""
    return min(max(1, round(published / published_epochs * epochs)), max(1, epochs // 4))


def weights(modalities: Sequence[str], value: Any) -> dict[str, Any]:
    """The same domain or value for weight_<modality> of each modality."""
    return {f"weight_{modality}": value for modality in modalities}


def _less(values: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}
