"""Named studies: which data, which methods, how much of it, and what is swept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from study.methods import STUDY_METHODS, StudyMethod
from study.settings import Budget

Values = Sequence[Any] | Callable[[int], Sequence[Any]]  # of a swept hyperparameter, or epochs -> values


@dataclass(frozen=True)
class Study:
    """What a study asks; one line of the table below, or one of your own for `study.api.run_study`."""

    dataset: str
    """A name of `study.prepare`'s data sets; `features` takes any store."""
    methods: tuple[str, ...]
    """Names in `table`, or `unimodal_*` for each modality alone; `joint` must be among them."""
    budget: Budget
    base: Mapping[str, Any] = field(default_factory=dict)
    """Settings that are not searched and differ from the trainer's defaults."""
    sweeps: Mapping[str, Mapping[str, Values]] = field(default_factory=dict)
    """Method -> hyperparameter -> its values in the sensitivity stage; the incumbent's own is added."""
    table: Mapping[str, StudyMethod] = field(default_factory=lambda: STUDY_METHODS, repr=False)
    """The methods by name: those of this project, or these with your own beside them."""


def shares_of_epochs(*shares: float) -> Values:
    """Sweep a period given as shares of the training time, in whole epochs."""
    return lambda epochs: tuple(sorted({max(1, round(share * epochs)) for share in shares}))


_DR: Final = ("joint", "diagnose_relearn")
_DR_SWEEPS: Final = {
    "diagnose_relearn": {
        "lam": (0.0, 1.0, 3.0, 10.0),
        "every": shares_of_epochs(0.07, 0.22, 0.44),
    }
}
_BOOSTING_SWEEPS: Final = {
    "boosting": {
        "smoothing": (0.0, 0.33, 1.0),
        "sigma": (1.0, 1.1, 1.25),
        "tau": (0.01, 0.2),
        "max_heads": (1, 2, 4, 10),
    }
}
_DR_BOOSTING_SWEEPS: Final = {"dr_boosting": {"lam": (0.0, 3.0, 10.0), "smoothing": (0.0, 0.33, 1.0)}}
_EVERY_METHOD: Final = ("joint", "unimodal_*", *(name for name in STUDY_METHODS if name != "joint"))


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
        {"encoders": {"logmel": "resnet10"}, "width": 0.25, "batch_size": 32},
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
    **{
        f"{data}_modalities": Study(
            data, ("joint", "unimodal_*"), Budget(epochs=4, trials=8, seeds=5), {"hidden": 32}
        )
        for data in ("controls-gain", "controls-null")
    },
    **_studies("features", *_VECTORS, {}),
}

_SAMPLE_BASE: Final = {
    "encoders": {"audio": "resnet10", "visual": "resnet10"},
    "width": 0.125,
    "batch_size": 64,
    "schedule": "step",
    "milestones": (3,),
}
_SAMPLE_BUDGET: Final = Budget(epochs=5, trials=4, seeds=5, finalists=2)
SAMPLE_STUDIES: Final[Mapping[str, Study]] = {
    "cremad_dr": Study(
        "cremad",
        _DR,
        _SAMPLE_BUDGET,
        _SAMPLE_BASE,
        {"diagnose_relearn": {"lam": (0.0, 1.0, 3.0, 10.0), "every": shares_of_epochs(0.2, 0.4, 0.6)}},
    ),
    "cremad_boosting": Study(
        "cremad",
        ("joint", "boosting"),
        _SAMPLE_BUDGET,
        _SAMPLE_BASE,
        {"boosting": {"smoothing": (0.0, 0.33, 1.0), "max_heads": (1, 2, 4)}},
    ),
    "cremad_dr_boosting": Study(
        "cremad",
        ("joint", "boosting", "dr_boosting"),
        _SAMPLE_BUDGET,
        _SAMPLE_BASE,
        {"dr_boosting": {"lam": (0.0, 3.0, 10.0)}},
    ),
    "cremad_compare": Study("cremad", _EVERY_METHOD, _SAMPLE_BUDGET, _SAMPLE_BASE),
}
"""What studies do on the generated sample, sized for two cores and a few minutes."""
