"""What a study was asked to do: typed here, kept as JSON in the ledger."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from math import ceil
from typing import Any, Final, TypeVar

from search_spaces.design import sobol
from search_spaces.space import Asked, highest, holds, respaced
from study.methods import BASELINE, STUDY_METHODS, StudyMethod, study_method
from trainables.multimodal.errors import InputError
from trainables.multimodal.flat_settings import WEIGHT
from trainables.multimodal.tasks import (
    ACCURACY,
    CLASSIFICATION,
    MULTILABEL,
    REGRESSION,
    Objective,
    objective_of,
)

DEFAULT_STAGES: Final = ("search", "finalists", "confirm", "sensitivity")
STAGES: Final = (*DEFAULT_STAGES, "surface")
UNSEARCHED: Final = ("surface",)
"""Stages that rest on no search."""
SELECTIONS: Final = {"clean": "best validation epoch", "paper": "best test epoch"}
"""Protocol -> what picks the weights that are tested."""
AUGMENTED: Final = ", augmented"
"""Ends the recipe of a protocol that shows crops of pictures."""
PRUNING: Final = ("auto", "always", "never")
"""Whether ASHA stops weak search trials; `auto`: where a method has ENOUGH_TO_PRUNE of them."""
ENOUGH_TO_PRUNE: Final = 16
MPS: Final = ("auto", "on", "off")
"""Whether trials that share a GPU do so under NVIDIA's MPS; `auto`: where this machine can."""
BASELINE_SHARE: Final = 2
"""Seeds of the baseline for each seed of another method: every comparison rests on the baseline."""
OPTIONAL: Final = (
    "resources",
    "numerics",
    "made_with",
    "exhausted",
    "mlflow",
    "folds",
    "spare",
    "confirms_published",
    "ranges",
    "own_parts",
    "recipes",
)
"""Entries that the ledger has only where they are not empty."""
RECOVERY: Final = 0.1
"""Share of the training that a trial gets after its method has first acted, before ASHA may judge it."""

Part = TypeVar("Part")


@dataclass(frozen=True)
class Budget:
    """How much a study spends."""

    epochs: int
    """Of a full run."""
    trials: int
    """Of each method's search."""
    seeds: int
    """Fresh ones, of confirm and of sensitivity."""
    baseline_seeds: int | None = None
    """Confirm runs of the baseline, against which all others are compared; None: twice as many."""
    most_seeds: int | None = None
    """Confirm adds seeds up to these while a comparison is open, at fixed looks; None: it does not."""
    finalists: int = 3
    """Best configurations of each search that are run again on fresh seeds before one is chosen; 0: none."""
    points: int = 0
    """Of each method's surface; 0 where that stage was never asked for."""

    @classmethod
    def from_json(cls, plain: Mapping[str, int]) -> "Budget":
        """The budget as the ledger gives it back; earlier versions had no finalists and equal seeds."""
        return cls(**{"baseline_seeds": plain["seeds"], "finalists": 0, **plain})


@dataclass(frozen=True)
class DataFacts:
    """The store that a study runs on."""

    name: str
    digest: str
    is_sample: bool
    samples: int
    classes: tuple[str, ...]
    modalities: Mapping[str, tuple[int, ...]]
    """Shape of a sample, by modality."""
    note: str = ""
    ceilings: Mapping[str, float] = field(default_factory=dict)
    """Accuracy that is possible with each modality alone and with all, where the data were generated."""


@dataclass(frozen=True)
class HeldOut:
    """The test set behind a number: how much of it there is, and on how many people it rests."""

    samples: int
    groups: int
    """Actors, speakers or videos; 0 where the data name none."""


@dataclass(frozen=True)
class ProtocolFacts:
    """The things without which a number means nothing."""

    name: str
    """clean, paper or both."""
    split: str
    """As reports name it."""
    splits: Mapping[str, str]
    """Split policy by protocol."""
    recipe: str
    frames: int | str
    """Per clip, or `none`."""
    selection: str
    optimizer: str
    task: str = ""
    """What any other task than classification predicts; that of several labels begins with its name."""
    objective: str = ""
    """Score that chooses epochs and configurations where it is not accuracy: `macro_f1`, `loss` or `mae`."""
    tested: Mapping[str, HeldOut] = field(default_factory=dict)
    """What each protocol reads as test, over all folds; empty in ledgers of version 0.1.0."""

    @property
    def kind(self) -> str:
        """Name of the task."""
        if not self.task:
            return CLASSIFICATION
        return MULTILABEL if self.task.startswith(MULTILABEL) else REGRESSION

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "ProtocolFacts":
        """The facts as the ledger gives them back."""
        tested = {protocol: HeldOut(**counts) for protocol, counts in plain.get("tested", {}).items()}
        return cls(**{**_known(cls, plain), "tested": tested})


@dataclass(frozen=True)
class PaperRecipe:
    """What a method's runs by the paper's protocol train with."""

    settings: Mapping[str, Any]
    """All of them where the recipe is published; otherwise what differs from the best configuration."""
    source: str = ""
    """Where it is published; empty where it is not."""
    sound: str = ""
    """What the sound was prepared by there."""


@dataclass(frozen=True)
class Resources:
    """What every trial holds, and where."""

    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0
    max_concurrent: int | None = None
    address: str | None = None
    """Of a Ray cluster; None: one of our own on this machine."""
    stage_data: str | None = None
    """Folder on a local disk of every node, below which the data are copied; None: they are read in place."""
    device: str = "auto"
    mps: str = "auto"
    """One of MPS."""
    hung_after: float | None = None
    """Seconds without an epoch after which a trial counts as hung; None: what the length of epochs tells."""

    @property
    def shares_gpu(self) -> bool:
        """Whether another trial may be on the same GPU."""
        return 0 < self.gpus_per_trial <= 1 / 2

    def held(self, *, alone: bool) -> dict[str, float]:
        """What a trial holds, by Ray's names; one that is alone has a GPU to itself."""
        gpus = 1.0 if alone and self.shares_gpu else self.gpus_per_trial
        return {"cpu": self.cpus_per_trial, "gpu": gpus}


@dataclass(frozen=True)
class Numerics:
    """What bit-identical resuming needs to stay as it was."""

    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True)
class MlflowRun:
    """Where MLflow shows a study."""

    uri: str | None = None
    experiment: str | None = None
    parent_run: str | None = None
    page: str | None = None
    """Address of the table of trials; where MLflow is a database, once `python -m study.ui` runs."""


@dataclass(frozen=True)
class StudySettings:
    """Everything that decides a study's results, and where it runs and shows.

    `from_json` and `to_json` translate to and from what the ledger keeps.
    """

    id: str
    study: str
    methods: tuple[str, ...]
    data: DataFacts
    protocol: ProtocolFacts
    budget: Budget
    stages: tuple[str, ...]
    base: Mapping[str, Any]
    """Settings of every trial that differ from the trainer's defaults."""
    fixed: Mapping[str, Mapping[str, Any]]
    """Method -> settings taken out of its search."""
    sweeps: Mapping[str, Mapping[str, Sequence[Any]]]
    """Method -> hyperparameter -> values of the sensitivity stage."""
    ranges: Mapping[str, Asked] = field(default_factory=dict)
    """Hyperparameter -> what is searched in place of the methods' own domain of it."""
    pruning: str = "always"
    """One of PRUNING."""
    folds: tuple[str, ...] = ()
    """Splits that the seeds of confirm go through, one after the other; empty: the one split."""
    spare: float = 0.0
    """Share of the trials that ASHA would stop and that run on, to measure what stopping costs."""
    confirms_published: bool = False
    """Whether confirm also runs each method's published values, at the learning rate of its best."""
    recipes: Mapping[str, PaperRecipe] = field(default_factory=dict)
    """Method -> what it trains with by the paper's protocol; empty without that, and in earlier ledgers."""
    inapplicable: Mapping[str, str] = field(default_factory=dict)
    """Methods that were asked for and cannot train this task -> why."""
    initial_weights: Mapping[str, str] = field(default_factory=dict)
    """Modality -> sha256 of the file that its encoder starts from."""
    own_parts: Mapping[str, str] = field(default_factory=dict)
    """Import path of each encoder, fusion and balancer of a user's own -> digest of its source."""
    resources: Resources | None = None
    numerics: Numerics | None = None
    """Both are None before the study is placed on a machine."""
    made_with: Mapping[str, str] = field(default_factory=dict)
    """The command, if it was one, and versions of what computes; empty in ledgers of version 0.1.0."""
    exhausted: tuple[str, ...] = ()
    """Methods whose search space holds no further configuration."""
    mlflow: MlflowRun | None = None
    """None before the first start."""
    table: Mapping[str, StudyMethod] = field(default_factory=lambda: STUDY_METHODS, compare=False, repr=False)
    """The methods by name; not kept in the ledger."""

    @classmethod
    def from_json(
        cls, plain: Mapping[str, Any], table: Mapping[str, StudyMethod] = STUDY_METHODS
    ) -> "StudySettings":
        """Settings as the ledger gives them back.

        Raises InputError: an entry is missing that every version has written.
        """
        try:
            return cls(
                **{
                    **_known(cls, plain),
                    "methods": tuple(plain["methods"]),
                    "data": _data(plain["data"]),
                    "protocol": ProtocolFacts.from_json(plain["protocol"]),
                    "budget": Budget.from_json(plain["budget"]),
                    "stages": tuple(plain["stages"]),
                    "sweeps": plain["sensitivity"],
                    "resources": _part(Resources, plain.get("resources")),
                    "numerics": _part(Numerics, plain.get("numerics")),
                    "mlflow": _part(MlflowRun, plain.get("mlflow")),
                    "exhausted": tuple(plain.get("exhausted", ())),
                    "folds": tuple(plain.get("folds", ())),
                    "recipes": {name: PaperRecipe(**of) for name, of in plain.get("recipes", {}).items()},
                    "table": table,
                }
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"the ledger's settings are not those of a study ({error})") from error

    def to_json(self) -> dict[str, Any]:
        """Plain data with the names that the ledger uses; what is optional and empty is left out."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(replace(self, table={}))))
        del plain["table"]
        plain["sensitivity"] = plain.pop("sweeps")
        budget, data, protocol = plain["budget"], plain["data"], plain["protocol"]
        if plain["pruning"] == "always":  # what a ledger means that does not say
            del plain["pruning"]
        if plain["resources"] and plain["resources"]["mps"] == "auto":
            del plain["resources"]["mps"]
        if budget["baseline_seeds"] in (None, budget["seeds"]):
            del budget["baseline_seeds"]
        if budget["most_seeds"] is None:
            del budget["most_seeds"]
        optional = [(plain, name) for name in OPTIONAL]
        optional += [(protocol, name) for name in ("task", "objective", "tested")]
        optional += [(data, "note"), (data, "ceilings"), (budget, "finalists"), (budget, "points")]
        optional += [(plain["mlflow"], "page")] if plain["mlflow"] else []
        resources = plain["resources"]
        optional += [(resources, "stage_data"), (resources, "hung_after")] if resources else []
        for part, name in optional:
            if not part[name]:
                del part[name]
        return plain

    @property
    def modalities(self) -> tuple[str, ...]:
        """What is trained on: all modalities of the data, or those that were chosen."""
        return tuple(self.base.get("modalities") or self.data.modalities)

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols of the confirm runs, the one that results show first."""
        return ("clean", "paper") if self.protocol.name == "both" else (self.protocol.name,)

    @property
    def judged_by(self) -> Objective:
        """The score that chooses epochs and configurations, and that methods are compared by."""
        return objective_of(self.protocol.kind, self.protocol.objective or ACCURACY)

    @property
    def prunes(self) -> bool:
        """Whether ASHA stops weak search trials."""
        enough = self.budget.trials >= ENOUGH_TO_PRUNE
        return {"auto": enough, "always": True, "never": False}[self.pruning]

    def grace(self, method: str) -> int:
        """Epochs before ASHA may judge: half of the training, and RECOVERY after any first action.

        It is the same for all methods, so that none is searched harder, but for those whose model waits until
        they act: such a method has its own, and no other waits with it.
        """
        waiting = [name for name in self.methods if self.method(name).trained.model_waits]
        alike = [method] if method in waiting else [name for name in self.methods if name not in waiting]
        epochs = self.budget.epochs
        return max(half(epochs), max(map(self._latest_first_action, alike)) + ceil(RECOVERY * epochs))

    def seeds_of(self, method: str) -> int:
        """Confirm runs of a method's chosen configuration, by each protocol."""
        doubled = self.budget.baseline_seeds if method == BASELINE else None
        return self.budget.seeds if doubled is None else doubled

    def most_seeds_of(self, method: str) -> int:
        """As many as it may come to where seeds are added while differences are open."""
        most = self.budget.most_seeds
        return self.seeds_of(method) if most is None else most * (BASELINE_SHARE if method == BASELINE else 1)

    def method(self, name: str) -> StudyMethod:
        """The method of this name, `unimodal_<modality>` too."""
        return study_method(name, self.table)

    def label(self, name: str) -> str:
        """What reports call a method."""
        return self.method(name).label

    def space(self, name: str) -> dict[str, Any]:
        """The search space of a method, a dict of Ray Tune domains, less what was fixed."""
        own = self.method(name).search.domains_for(self.modalities, self.budget.epochs)
        asked = {key: respaced(own[key], self.ranges[key]) for key in own.keys() & self.ranges.keys()}
        return self._free(name, {**own, **asked})

    def defaults(self, name: str) -> dict[str, Any]:
        """The published values of a method, less what was fixed."""
        return self._free(name, self.method(name).search.defaults_for(self.modalities, self.budget.epochs))

    def surface(self, name: str) -> list[dict[str, Any]]:
        """Points of a method's surface; none where no hyperparameter but the learning rate is searched."""
        space = self.space(name)
        return sobol(space, self.budget.points) if space.keys() - {"lr"} else []

    @property
    def unsearched(self) -> set[str]:
        """Stages that rest on no search: confirm too where all methods run their published recipes alone."""
        return {*UNSEARCHED, *([] if any(map(self.confirms_search, self.methods)) else ["confirm"])}

    def confirms_search(self, name: str) -> bool:
        """Whether confirm runs what a method's search found, and not its published recipe alone."""
        return self.protocols != ("paper",) or self._published_recipe(name) is None

    @property
    def begins_with(self) -> tuple[str, str]:
        """Stage and method of the first trials."""
        stage = self.stages[0]
        methods = [name for name in self.methods if stage not in UNSEARCHED or self.surface(name)]
        return stage, (methods or self.methods)[0]

    def tries_published(self, name: str) -> bool:
        """Whether a search begins with the published values: ranges that were asked for may exclude them."""
        return holds(self.space(name), self.defaults(name))

    def config(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """All settings that shape a trial's result, but its seed, data and protocol."""
        return {**self.base, **self.fixed[name], **params, "epochs": self.budget.epochs}

    def confirmed(self, name: str, protocol: str, best: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """All settings of a method's confirm runs by a protocol, whose `best` configuration the search found.

        A published recipe needs no search. None: there is neither.
        """
        recipe = self.recipes.get(name) if protocol == "paper" else None
        if recipe and recipe.source:
            return {**self.config(name, {}), **recipe.settings}
        if best is None:
            return None
        return {**best, **(recipe.settings if recipe else {})}

    def recipe_config(self, name: str) -> dict[str, Any]:
        """All settings of a method's runs by the paper's protocol, as far as no search decides them."""
        found = self.confirmed(name, "paper", self.config(name, self.defaults(name)))
        return {"split": self.protocol.splits["paper"], **(found or {})}

    def repeats_published(self, name: str) -> bool:
        """Whether confirm runs a method's published values beside its best, which a recipe has anyway."""
        has_recipe = self.protocols[0] == "paper" and self._published_recipe(name) is not None
        return self.confirms_published and not has_recipe

    def published(self, name: str, learning_rate: Any) -> dict[str, Any] | None:
        """All settings of a method's published values at another learning rate; None if it has no others."""
        values = self.defaults(name)
        if not values.keys() - {"lr"}:
            return None
        return self.config(name, {**values, "lr": learning_rate} if "lr" in values else values)

    def _published_recipe(self, name: str) -> PaperRecipe | None:
        recipe = self.recipes.get(name)
        return recipe if recipe and recipe.source else None

    def _free(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is left to choose; fusion_weights fix the weight of every modality."""
        fixed = set(self.fixed.get(name, ()))  # of a method that is asked for no more, none
        if "fusion_weights" in fixed:
            fixed |= {WEIGHT + modality for modality in self.modalities}
        return {key: value for key, value in values.items() if key not in fixed}

    def _latest_first_action(self, name: str) -> int:
        """Epochs after which a method has acted whatever the search draws: at the upper end of its space."""
        largest = {key: highest(domain) for key, domain in self.space(name).items()}
        return self.method(name).trained.first_action({**self.config(name, largest), "data": "not opened"})


def half(epochs: int) -> int:
    """The epoch at which ASHA judges: one rung in the middle, at which half of the trials go on.

    Of 12 trials more than half then run to their end. An earlier rung saves more and stops more of those that
    would have been best (results/LOG.md, replayed curves).
    """
    return epochs // 2 + 1


def _known(kind: type, plain: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that a dataclass has a field for: another version may have written more."""
    return {f.name: plain[f.name] for f in fields(kind) if f.name in plain}


def _part(kind: type[Part], plain: Mapping[str, Any] | None) -> Part | None:
    """A part that is left out of the ledger where it is empty."""
    return kind(**_known(kind, plain)) if plain else None


def _data(plain: Mapping[str, Any]) -> DataFacts:
    shapes = {name: tuple(shape) for name, shape in plain["modalities"].items()}
    return DataFacts(**{**_known(DataFacts, plain), "classes": tuple(plain["classes"]), "modalities": shapes})
