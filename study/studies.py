"""Named studies: which data, which methods, how much of it, and what is swept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import search_spaces

if TYPE_CHECKING:
    from trainables.base import MultimodalTrainable

Values = Callable[[int], tuple[Any, ...]]  # epochs -> values of a swept hyperparameter


@dataclass(frozen=True)
class Method:
    """A balancer as a study sees it."""

    trainable: str
    """module:class of the Trainable, whose `build` makes the trainer from flat settings."""
    space: Callable[[int], dict[str, Any]]
    """Epochs -> search space, a dict of Ray Tune domains."""
    defaults: Callable[[int], Mapping[str, Any]]
    """Epochs -> published values, the first trial of every search."""

    def load(self) -> type["MultimodalTrainable"]:
        """Import the Trainable."""
        module, name = self.trainable.split(":")
        trainable: type[MultimodalTrainable] = getattr(import_module(module), name)
        return trainable


@dataclass(frozen=True)
class Budget:
    """How much a study spends."""

    epochs: int
    trials: int  # search trials of each method
    seeds: int  # fresh seeds of confirm and of sensitivity


@dataclass(frozen=True)
class Study:
    """One line of the table below."""

    dataset: str
    methods: tuple[str, ...]
    budget: Budget
    base: Mapping[str, Any] = field(default_factory=dict)
    """Settings that are not searched and differ from the trainer's defaults."""
    sweeps: Mapping[str, Mapping[str, Values]] = field(default_factory=dict)
    """Method -> hyperparameter -> its values in the sensitivity stage; the incumbent's own is added."""


def fixed(*values: Any) -> Values:
    """Sweep the same values whatever the number of epochs."""
    return lambda epochs: values


def shares_of_epochs(*shares: float) -> Values:
    """Sweep a period given as shares of the training time, in whole epochs."""
    return lambda epochs: tuple(sorted({max(1, round(share * epochs)) for share in shares}))


METHODS: Final[Mapping[str, Method]] = {
    "joint": Method(
        "trainables:JointTrainable",
        lambda epochs: search_spaces.joint(),
        lambda epochs: search_spaces.joint.DEFAULTS,
    ),
    "diagnose_relearn": Method(
        "trainables:DiagnoseRelearnTrainable",
        search_spaces.diagnose_relearn,
        search_spaces.diagnose_relearn.defaults,
    ),
}

_DR: Final = ("joint", "diagnose_relearn")
_DR_SWEEPS: Final = {
    "diagnose_relearn": {
        "lam": fixed(0.0, 1.0, 3.0, 10.0),
        "every": shares_of_epochs(0.07, 0.22, 0.44),
    }
}

STUDIES: Final[Mapping[str, Study]] = {
    "cremad_dr": Study("cremad", _DR, Budget(epochs=90, trials=32, seeds=3), sweeps=_DR_SWEEPS),
    "ravdess_dr": Study(
        "ravdess",
        _DR,
        Budget(epochs=14, trials=12, seeds=3),
        base={"width": 0.25, "batch_size": 32},
        sweeps=_DR_SWEEPS,
    ),
    "features_dr": Study("features", _DR, Budget(epochs=30, trials=12, seeds=5), sweeps=_DR_SWEEPS),
}

SAMPLE: Final[Mapping[str, Study]] = {
    "cremad_dr": Study(
        "cremad",
        _DR,
        Budget(epochs=10, trials=4, seeds=2),
        base={"width": 0.25, "batch_size": 16},
        sweeps={"diagnose_relearn": {"lam": fixed(0.0, 8.0), "every": shares_of_epochs(0.1, 0.4)}},
    ),
}
"""What studies do on the generated sample, sized for two cores and a few minutes."""
