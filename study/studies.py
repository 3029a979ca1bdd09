"""Named studies: which data, which methods, how much of it, and what is swept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import search_spaces
from search_spaces.space import SearchSpace
from trainables.multimodal.methods import METHODS as TRAINED
from trainables.multimodal.methods import UNIMODAL

if TYPE_CHECKING:
    from trainables.base import MultimodalTrainable

Values = Callable[[int], tuple[Any, ...]]  # epochs -> values of a swept hyperparameter


Arguments = Callable[
    [Sequence[str], int], tuple[Any, ...]
]  # modalities, epochs -> what a space is called with


@dataclass(frozen=True)
class Method:
    """A balancer as a study sees it."""

    trainable: str
    """module:class of the Trainable, whose `build` makes the trainer from flat settings."""
    search: SearchSpace
    """What is searched, and the published values that every search begins with."""
    arguments: Arguments
    """What the search space is called with."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Settings that make the method what it is."""
    least: int = 1
    """How many modalities it needs."""

    def space(self, modalities: Sequence[str], epochs: int) -> dict[str, Any]:
        """The search space, a dict of Ray Tune domains."""
        return self.search(*self.arguments(modalities, epochs))

    def defaults(self, modalities: Sequence[str], epochs: int) -> Mapping[str, Any]:
        """The published values, the first trial of every search."""
        return self.search.defaults(*self.arguments(modalities, epochs))

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


def _nothing(modalities: Sequence[str], epochs: int) -> tuple[Any, ...]:
    return ()


def _epochs(modalities: Sequence[str], epochs: int) -> tuple[Any, ...]:
    return (epochs,)


def _both(modalities: Sequence[str], epochs: int) -> tuple[Any, ...]:
    return modalities, epochs


_BOOSTING: Final = "trainables:BoostingTrainable"
METHODS: Final[Mapping[str, Method]] = {
    "joint": Method("trainables:JointTrainable", search_spaces.joint, _nothing),
    "late_fusion": Method("trainables:LateFusionTrainable", search_spaces.late_fusion, _nothing),
    "ogm_ge": Method("trainables:OgmGeTrainable", search_spaces.ogm_ge, _epochs, least=2),
    "diagnose_relearn": Method(
        "trainables:DiagnoseRelearnTrainable", search_spaces.diagnose_relearn, _epochs
    ),
    "boosting": Method(_BOOSTING, search_spaces.boosting, _both),
    "dr_boosting": Method("trainables:DRBoostingTrainable", search_spaces.dr_boosting, _both),
    "boosting_no_heads": Method(
        _BOOSTING, search_spaces.boosting_no_heads, _both, TRAINED["boosting_no_heads"].fixed
    ),
    "boosting_frozen": Method(_BOOSTING, search_spaces.boosting, _both, TRAINED["boosting_frozen"].fixed),
    "boosting_random": Method(
        _BOOSTING, search_spaces.boosting_random, _both, TRAINED["boosting_random"].fixed
    ),
    "boosting_tripled": Method(
        _BOOSTING, search_spaces.boosting_tripled, _both, TRAINED["boosting_tripled"].fixed
    ),
}


def method_named(name: str) -> Method:
    """The method of this name, which for each modality alone is unimodal_<modality>."""
    if name.startswith(UNIMODAL):
        return replace(METHODS["joint"], fixed={"modalities": [name.removeprefix(UNIMODAL)]})
    return METHODS[name]


def named(methods: Sequence[str], modalities: Sequence[str]) -> tuple[str, ...]:
    """Names of methods on data with these modalities: `unimodal_*` is one for each of them alone."""
    each = {f"{UNIMODAL}*": [UNIMODAL + modality for modality in modalities]}
    return tuple(name for entry in methods for name in each.get(entry, [entry]))


_DR: Final = ("joint", "diagnose_relearn")
_DR_SWEEPS: Final = {
    "diagnose_relearn": {
        "lam": fixed(0.0, 1.0, 3.0, 10.0),
        "every": shares_of_epochs(0.07, 0.22, 0.44),
    }
}
_BOOSTING_SWEEPS: Final = {
    "boosting": {
        "smoothing": fixed(0.0, 0.33, 1.0),
        "sigma": fixed(0.8, 1.0, 1.2),
        "tau": fixed(0.01, 0.2),
        "max_heads": fixed(1, 2, 4, 10),
    }
}
_DR_BOOSTING_SWEEPS: Final = {
    "dr_boosting": {"lam": fixed(0.0, 3.0, 10.0), "smoothing": fixed(0.0, 0.33, 1.0)}
}
_EVERY_METHOD: Final = (
    "joint",
    "unimodal_*",
    "late_fusion",
    "ogm_ge",
    "diagnose_relearn",
    "boosting",
    "dr_boosting",
    "boosting_no_heads",
    "boosting_frozen",
    "boosting_random",
    "boosting_tripled",
)


def _studies(data: str, budget: Budget, compared: Budget, base: Mapping[str, Any]) -> dict[str, Study]:
    """The four questions that are asked of every data set."""
    return {
        f"{data}_dr": Study(data, _DR, budget, base, _DR_SWEEPS),
        f"{data}_boosting": Study(data, ("joint", "boosting"), budget, base, _BOOSTING_SWEEPS),
        f"{data}_dr_boosting": Study(
            data, ("joint", "boosting", "dr_boosting"), budget, base, _DR_BOOSTING_SWEEPS
        ),
        f"{data}_compare": Study(data, _EVERY_METHOD, compared, base),
    }


_VECTORS: Final = (Budget(epochs=30, trials=12, seeds=5), Budget(epochs=30, trials=8, seeds=5))
_CLIPS: Final = (Budget(epochs=90, trials=32, seeds=3), Budget(epochs=90, trials=16, seeds=5))
_TWEETS: Final = (Budget(epochs=30, trials=12, seeds=3), Budget(epochs=30, trials=8, seeds=5))
STUDIES: Final[Mapping[str, Study]] = {
    **_studies("cremad", *_CLIPS, {"augment": True}),  # not the sample, whose difficulty was tuned without
    **_studies(
        "ravdess",
        Budget(epochs=14, trials=12, seeds=3),
        Budget(epochs=14, trials=8, seeds=5),
        {"width": 0.25, "batch_size": 32},
    ),
    **_studies(
        "avdigits",
        Budget(epochs=12, trials=12, seeds=5),
        Budget(epochs=12, trials=8, seeds=5),
        {"width": 0.25, "batch_size": 32},
    ),
    **_studies("cremad-votes", *_VECTORS, {}),
    **_studies("mosi", *_VECTORS, {}),
    **_studies(
        "mosi-sequences",
        Budget(epochs=20, trials=12, seeds=5),
        Budget(epochs=20, trials=8, seeds=5),
        {"encoders": dict.fromkeys(("text", "audio", "vision"), "transformer"), "batch_size": 32},
    ),
    **_studies("ucf101-vgg16", *_VECTORS, {}),
    **_studies("ucf101", *_CLIPS, {"augment": True}),
    **_studies("kinetics-sounds", *_CLIPS, {"augment": True, "frames": 3}),
    **_studies("vggsound", *_CLIPS, {"augment": True}),
    **_studies("nvgesture", *_CLIPS, {}),  # a mirror image is another gesture
    **_studies("twitter15", *_TWEETS, {}),
    **_studies("sarcasm", *_TWEETS, {}),
    **_studies("features", *_VECTORS, {}),
}

_SAMPLE_BASE: Final = {"width": 0.25, "batch_size": 16}
_SAMPLE_BUDGET: Final = Budget(epochs=8, trials=4, seeds=2)
SAMPLE: Final[Mapping[str, Study]] = {
    "cremad_dr": Study(
        "cremad",
        _DR,
        _SAMPLE_BUDGET,
        _SAMPLE_BASE,
        {"diagnose_relearn": {"lam": fixed(0.0, 8.0), "every": shares_of_epochs(0.1, 0.4)}},
    ),
    "cremad_boosting": Study(
        "cremad",
        ("joint", "boosting"),
        _SAMPLE_BUDGET,
        _SAMPLE_BASE,
        {"boosting": {"smoothing": fixed(0.0, 1.0), "max_heads": fixed(1, 4)}},
    ),
    "cremad_dr_boosting": Study(
        "cremad",
        ("joint", "boosting", "dr_boosting"),
        _SAMPLE_BUDGET,
        _SAMPLE_BASE,
        {"dr_boosting": {"lam": fixed(0.0, 8.0)}},
    ),
    "cremad_compare": Study("cremad", _EVERY_METHOD, Budget(epochs=8, trials=2, seeds=2), _SAMPLE_BASE),
}
"""What studies do on the generated sample, sized for two cores and a few minutes."""
