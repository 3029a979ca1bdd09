"""What all search spaces share."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ray import tune
from ray.tune.search.sample import Categorical, Float, Integer, LogUniform

Notation = Mapping[str, tuple[str, str]]  # hyperparameter -> its symbol or short name, and its meaning
Asked = str | Sequence[Any]  # in place of a domain: a range as `spelled` writes it, or choices

LOG: Final = ":log"
"""Ends the text of a range that is searched on a logarithmic scale."""
LEARNING_RATE: Final[Notation] = {"lr": ("learning rate", "")}


EDGE: Final = 0.01
"""Share of a range of real numbers, on the scale that it is searched on: closer to an end is at it."""
FEWEST: Final = 4
"""Whole numbers of a range whose ends say something."""


@dataclass(frozen=True)
class SearchSpace:
    """A search space that is called like a function: ``diagnose_relearn(epochs)`` gives the domains."""

    domains: Callable[..., dict[str, Any]]
    """Makes a dict of ray.tune domains; its parameters are some of `modalities` and `epochs`."""
    DEFAULTS: Mapping[str, Any]
    """The published values."""
    defaults: Callable[..., dict[str, Any]]
    """The published values for the same arguments as the domains: scaled to epochs, a weight per modality."""
    notation: Notation = field(default_factory=dict)
    """Symbol and meaning of each hyperparameter, for figures and tables; switches of the method too."""
    pairs: Sequence[tuple[str, str]] = ()
    """Hyperparameters that the method makes act together: their maps are shown first."""
    floors: Sequence[str] = ()
    """Hyperparameters below whose range nothing makes sense: a best value there asks for no wider one."""

    def __call__(self, *arguments: Any) -> dict[str, Any]:
        """Make the domains."""
        return self.domains(*arguments)

    def domains_for(self, modalities: Sequence[str], epochs: int) -> dict[str, Any]:
        """The domains on data with these modalities and a budget of `epochs`."""
        return self._called(self.domains, modalities, epochs)

    def defaults_for(self, modalities: Sequence[str], epochs: int) -> dict[str, Any]:
        """The published values on data with these modalities, scaled to a budget of `epochs`."""
        return self._called(self.defaults, modalities, epochs)

    def without(self, *keys: str) -> "SearchSpace":
        """The same space less `keys`, for a variant of the method that has no use for them."""

        def rest(make: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
            return functools.wraps(make)(lambda *arguments, **named: _less(make(*arguments, **named), keys))

        # the notation stays whole: what is not searched may still be fixed, and reports name it
        return SearchSpace(
            rest(self.domains),
            _less(self.DEFAULTS, keys),
            rest(self.defaults),
            self.notation,
            self.pairs,
            self.floors,
        )

    def joined(self, other: "SearchSpace") -> "SearchSpace":
        """Both spaces at once, which takes `modalities` and `epochs`: a method and how it is trained.

        Of what both search, `other` gives the domain, and this one the published value.
        """

        def domains(modalities: Sequence[str], epochs: int) -> dict[str, Any]:
            return {**self.domains_for(modalities, epochs), **other.domains_for(modalities, epochs)}

        def defaults(modalities: Sequence[str], epochs: int) -> dict[str, Any]:
            return {**other.defaults_for(modalities, epochs), **self.defaults_for(modalities, epochs)}

        published, notation = {**other.DEFAULTS, **self.DEFAULTS}, {**other.notation, **self.notation}
        floors = (*self.floors, *other.floors)
        return SearchSpace(domains, published, defaults, notation, self.pairs, floors)

    @staticmethod
    def _called(
        make: Callable[..., dict[str, Any]], modalities: Sequence[str], epochs: int
    ) -> dict[str, Any]:
        """Call `make` with those of the two that it asks for by name."""
        available = {"modalities": modalities, "epochs": epochs}
        return make(**{name: available[name] for name in inspect.signature(make).parameters})


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


def highest(domain: Any) -> Any:
    """The largest value of a domain of numbers; of a choice of words the first."""
    if isinstance(domain, Integer):
        return domain.upper - 1
    if isinstance(domain, Float):
        return domain.upper
    numbers = [value for value in domain.categories if isinstance(value, int | float)]
    return max(numbers, default=domain.categories[0])


def extremes(domain: Any) -> list[Any]:
    """Both ends of a range, or all choices."""
    return list(domain.categories) if isinstance(domain, Categorical) else [domain.lower, highest(domain)]


def holds(space: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether values are a configuration of a space: one of each domain, and no other."""
    return values.keys() == space.keys() and all(_lies_in(space[key], value) for key, value in values.items())


def _lies_in(domain: Any, value: Any) -> bool:
    if isinstance(domain, Categorical):
        return value in domain.categories
    return bool(domain.lower <= value <= highest(domain))


def is_logarithmic(domain: Any) -> bool:
    """Whether a domain of numbers is drawn from on a logarithmic scale."""
    sampler = domain.get_sampler()
    return isinstance(getattr(sampler, "sampler", sampler), LogUniform)  # a quantised one holds another


def spelled(domain: Any) -> str:
    """A domain as text: LOW..HIGH, LOW..HIGH:log, or values with a comma between them; ends belong to it."""
    if isinstance(domain, Categorical):
        return ",".join(map(str, domain.categories))
    return f"{domain.lower}..{highest(domain)}" + (LOG if is_logarithmic(domain) else "")


def respaced(domain: Any, asked: Asked) -> Any:
    """The domain with another range or other choices; where it holds whole numbers, a range still does.

    Raises ValueError: the text is no range, or nothing lies in it.
    """
    if not isinstance(asked, str):
        return tune.choice(list(asked))
    low, high = _ends(asked.removesuffix(LOG))
    logarithmic = asked.endswith(LOG)
    if logarithmic and low <= 0:
        raise ValueError(f"a logarithmic scale begins above 0, got {asked}")
    if not isinstance(domain, Integer):
        return (tune.loguniform if logarithmic else tune.uniform)(low, high)
    if not (low.is_integer() and high.is_integer()):
        raise ValueError(f"it is searched in whole numbers, got {asked}")
    return (tune.lograndint if logarithmic else tune.randint)(int(low), int(high) + 1)


def _ends(text: str) -> tuple[float, float]:
    """Both ends of LOW..HIGH."""
    low, _, high = text.partition("..")
    try:
        ends = float(low), float(high)
    except ValueError as error:
        raise ValueError(f"a range is LOW..HIGH or LOW..HIGH{LOG}, got {text}") from error
    if not all(map(math.isfinite, ends)) or ends[0] >= ends[1]:
        raise ValueError(f"the range {text} is empty: its lower end must lie below its upper one")
    return ends


def upper_end(domain: Any, value: Any) -> bool | None:
    """True for a value at the upper end of a domain of numbers, False at the lower, None between them.

    None at a lower end of 0 too, below which there is nothing, for a choice, whose values need have no order,
    and for fewer than FEWEST whole numbers.
    """
    if isinstance(domain, Float):
        place = _place(domain, value)
        low, high = place <= EDGE, place >= 1 - EDGE
    elif isinstance(domain, Integer) and domain.upper - domain.lower >= FEWEST:
        low, high = value <= domain.lower, value >= domain.upper - 1
    else:
        return None
    return True if high else False if low and domain.lower else None


def _place(domain: Float, value: float) -> float:
    """Where a value lies in its range: 0 at the lower end, 1 at the upper, on the scale that is searched."""
    low, high = float(domain.lower), float(domain.upper)
    if is_logarithmic(domain):
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _less(values: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}
