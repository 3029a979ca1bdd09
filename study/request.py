"""From a command line and a store to the settings of a study, or one sentence why that makes no sense."""

import hashlib
import json
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from search_spaces.space import Asked, extremes
from study.analysis.sequential import LOOK_SEEDS
from study.analysis.summary import by_recipes
from study.hand_set import HandSet
from study.methods import BASELINE, StudyMethod, expanded, study_method
from study.paper_recipes import paper_recipes
from study.recipe_wording import optimizer_of
from study.settings import (
    AUGMENTED,
    BASELINE_SHARE,
    DEFAULT_STAGES,
    PRUNING,
    SELECTIONS,
    STAGES,
    Budget,
    DataFacts,
    HeldOut,
    PaperRecipe,
    ProtocolFacts,
    StudySettings,
)
from study.studies import Study
from trainables.multimodal.assembly import (
    chosen_modalities,
    held_out,
    own_paths,
    require_fitting,
    require_rows,
    require_suitable,
)
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.datasets import require_values
from trainables.multimodal.data.splits import ACTORS_APART, TEST, folds_of
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import UNIMODAL
from trainables.multimodal.networks.initial_weights import read_file
from trainables.multimodal.own_parts import digest
from trainables.multimodal.tasks import (
    ACCURACY,
    AUTO,
    CLASSIFICATION,
    LOSSES,
    MULTILABEL,
    REGRESSION,
    objective_of,
)

AUTO_SEEDS: Final = "auto"
PUBLISHED_SPLITS: Final = ("dnr", "official")
POINTS: Final = 64
"""Of a surface, unless the study or `--points` says otherwise."""


@dataclass(frozen=True)
class StudyRequest:
    """What is asked of a study, before defaults."""

    trials: int | None = None
    seeds: int | str | None = None
    """A number, or AUTO_SEEDS."""
    epochs: int | None = None
    points: int | None = None
    """Of each method's surface."""
    stages: tuple[str, ...] = DEFAULT_STAGES
    protocol: str = "clean"
    split: str | None = None
    objective: str = AUTO
    """Validation score that chooses epochs, trials and configurations, and that methods are compared by."""
    precision: str = "auto"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Settings fixed by hand, for every method that has them."""
    space: Mapping[str, Asked] = field(default_factory=dict)
    """Searched ranges, `LOW..HIGH` or `LOW..HIGH:log`, or lists of choices, in place of the methods' own."""
    sweep: Mapping[str, Asked] = field(default_factory=dict)
    """Values of the sensitivity stage, in place of the study's own."""
    methods: tuple[str, ...] = ()
    """Those of the study's table to compare with the baseline; empty: the study's own."""
    finalists: int | None = None
    folds: int | None = None
    """Test sets that the seeds of confirm go through; None: as many as the split has folds."""
    pruning: str = "auto"
    spare: float = 0.0


def resolved(name: str, study: Study, store: FeatureStore, request: StudyRequest) -> StudySettings:
    """Everything that decides the results of a study called `name`.

    Raises InputError: an option, a setting, a method or the name makes no sense with this study or store.
    """
    if "/" in name:
        raise InputError(f"a study's name is one of a folder and cannot hold /, got {name}")
    modalities = _modalities(store, request.fixed)
    study = _with_methods(study, request.methods, modalities)
    asked = expanded(study.methods, modalities)
    _require_known(study, asked)
    splits = _splits(store, request)
    folds = _folds(store, request, splits)
    inapplicable = _inapplicable(name, study, asked, request)
    inapplicable |= _without_held_out(name, study, asked, store, {*splits.values(), *folds})
    methods = {method: study_method(method, study.table) for method in asked if method not in inapplicable}
    _require_modalities(methods, modalities)
    for method in methods.values():
        chosen_modalities(store, method.trained.fixed.get("modalities", ()))
    _require_stopping(request)
    budget = _budget(study.budget, request)
    by_hand = HandSet(methods, modalities, budget.epochs, request.fixed)
    base = {"precision": request.precision, **study.base}
    sweeps = by_hand.sweeps(study, request.sweep)
    fixed = by_hand.fixed(swept=[key for key in request.sweep if key not in base])
    objective = _objective_by_hand(study, request)
    fixed = {method: {**values, **objective} for method, values in fixed.items()}
    searched = by_hand.searched().keys() - request.fixed.keys()
    if folds:
        folds, budget = _every_fold(folds, budget, request)
    recipes = _recipes(study, store, methods, request) if "paper" in splits else {}
    if modalities != tuple(store.modalities):
        base["modalities"] = modalities
    read = _read(splits, folds, recipes)
    settings = StudySettings(
        id=uuid.uuid4().hex,
        study=name,
        methods=tuple(methods),
        data=_data(store),
        protocol=_protocol(store, request.protocol, splits, read, {**base, **_union(fixed)}, searched),
        budget=budget,
        stages=tuple(stage for stage in STAGES if stage in request.stages),
        base=base,
        fixed=fixed,
        sweeps=sweeps,
        ranges=by_hand.ranges(request.space),
        pruning=request.pruning,
        spare=request.spare,
        folds=folds,
        confirms_published=True,
        recipes=recipes,
        inapplicable=inapplicable,
        table=study.table,
    )
    _require_surface(settings)
    own = _require_sensible(settings, store, {*request.space, *request.sweep})
    _require_recipes(settings, store)
    settings = replace(
        settings,
        initial_weights=_digests(request.fixed),
        own_parts={path: digest(path) for path in sorted(own)},
    )
    if recipes:
        settings = replace(settings, protocol=_named(settings))
    # as the ledger gives them back: JSON knows no tuples, and a study must equal what it was begun with
    return StudySettings.from_json(json.loads(json.dumps(settings.to_json())), study.table)


def _with_methods(study: Study, chosen: Sequence[str], modalities: Sequence[str]) -> Study:
    """The study with the baseline and the methods that were named, if any were; their sweeps stay."""
    if not chosen:
        return study
    methods = tuple(dict.fromkeys([BASELINE, *expanded(chosen, modalities)]))
    sweeps = {method: keys for method, keys in study.sweeps.items() if method in methods}
    return replace(study, methods=methods, sweeps=sweeps)


def _budget(default: Budget, request: StudyRequest) -> Budget:
    """The study's budget with what was asked for instead, every number of it named."""
    asked = {name: getattr(request, name) for name in ("epochs", "trials", "seeds", "finalists")}
    chosen = {name: value for name, value in asked.items() if value is not None}
    if chosen.get("seeds") == AUTO_SEEDS:
        chosen |= {"seeds": LOOK_SEEDS[0], "most_seeds": LOOK_SEEDS[-1]}
    for name, value in chosen.items():
        fewest = 0 if name == "finalists" else 1
        if value < fewest:
            raise InputError(f"--{name} must be at least {fewest}, got {value}")
    budget = replace(default, **chosen, points=_points(default, request))
    if budget.baseline_seeds is not None and request.seeds is None:
        return budget
    return replace(budget, baseline_seeds=BASELINE_SHARE * budget.seeds)


def _points(default: Budget, request: StudyRequest) -> int:
    """Points of the surface, where that stage is asked for."""
    if "surface" not in request.stages:
        if request.points is not None:
            raise InputError("--points are those of a surface: add surface to --stages")
        return 0
    points = (default.points or POINTS) if request.points is None else request.points
    if points < 1:
        raise InputError(f"--points must be at least 1, got {points}")
    return points


def _require_stopping(request: StudyRequest) -> None:
    """Whether and how often trials are stopped early is asked for in words that exist."""
    if request.pruning not in PRUNING:
        raise InputError(f"--pruning must be one of {', '.join(PRUNING)}, got {request.pruning}")
    if not 0 <= request.spare <= 1:
        raise InputError(f"--spare must be a share between 0 and 1, got {request.spare}")
    if request.spare and request.pruning == "never":
        raise InputError("--spare lets stopped trials run on, and --pruning never stops none")


def _folds(store: FeatureStore, request: StudyRequest, splits: Mapping[str, str]) -> tuple[str, ...]:
    """Splits of the clean protocol's confirm runs: folds of its policy, or of actors where none is named."""
    if "clean" not in splits:
        if request.folds is not None:
            raise InputError("--folds are those of the clean protocol, which is not asked for")
        return ()
    policy, asked = splits["clean"], request.folds
    offered = folds_of(policy, store.policies)
    if not offered and request.split is None:
        offered = folds_of(ACTORS_APART, store.policies)
    if asked is not None and asked != 1 and not 1 < asked <= len(offered):
        have = f"{policy} has {len(offered)}" if offered else f"split {policy} of {store.name} has none"
        raise InputError(f"--folds must be 1 (the one split) or a number of its folds, and {have}")
    chosen = () if asked == 1 else tuple(offered if asked is None else offered[:asked])
    for fold in chosen:
        with _of_fold(fold):
            store.split(fold)  # a class missing in a part ends here
    return chosen


@contextmanager
def _of_fold(fold: str) -> Iterator[None]:
    """What is refused here names the fold, and how to do without."""
    try:
        yield
    except InputError as error:
        raise InputError(f"fold {fold}: {error}, or test on one split with --folds 1") from error


def _modalities(store: FeatureStore, fixed: Mapping[str, Any]) -> tuple[str, ...]:
    """What is trained on: all modalities of the store, or those that were named."""
    config = TrainerConfig(data="not opened yet", epochs=1, modalities=fixed.get("modalities", ()))
    return chosen_modalities(store, config.modalities)


def _require_known(study: Study, asked: Sequence[str]) -> None:
    """Every method has a line in the table, the baseline is there, and no sweep is of another method."""
    for method in asked:
        if method not in study.table and not method.startswith(UNIMODAL):
            raise InputError(f"unknown method {method}; methods are {', '.join(study.table)}")
    if BASELINE not in asked:
        raise InputError(f"a study compares its methods with {BASELINE}: name it among them")
    for method in study.sweeps:
        if method not in asked:
            raise InputError(f"a sweep of {method} is asked for, which is no method of this study")


def _require_modalities(methods: Mapping[str, StudyMethod], modalities: Sequence[str]) -> None:
    for name, method in methods.items():
        fewest = method.trained.fewest_modalities
        if len(modalities) < fewest:
            raise InputError(
                f"{name} needs at least {fewest} modalities, and the study has {len(modalities)}"
            )


def _inapplicable(name: str, study: Study, methods: Sequence[str], request: StudyRequest) -> dict[str, str]:
    """Methods that cannot train this task, and why; InputError where nothing but the baseline is left."""
    task = _task_of(study, request)
    if task not in (REGRESSION, MULTILABEL):
        return {}
    needy = [method for method in methods if study_method(method, study.table).trained.needs_classes]
    if needy and {*methods} <= {*needy, BASELINE}:
        raise InputError(
            f"--set task={task}: {', '.join(needy)} need classes, and {name} compares nothing else with "
            f"{BASELINE}: choose another study"
        )
    return dict.fromkeys(needy, "needs classes")


def _task_of(study: Study, request: StudyRequest) -> Any:
    """Name of the task, unchecked."""
    return {**study.base, **request.fixed}.get("task", CLASSIFICATION)


def _objective_by_hand(study: Study, request: StudyRequest) -> dict[str, str]:
    """The objective as a setting that every trial names, where it is not the study's own.

    InputError for a task or an objective that is not there, or one that does not fit the other.
    """
    own = study.base.get("objective", AUTO)
    chosen = own if request.objective == AUTO else request.objective
    config = TrainerConfig(data="not opened yet", epochs=1, task=_task_of(study, request), objective=chosen)
    name = objective_of(config.task, chosen).name
    return {} if name == objective_of(config.task, own).name else {"objective": name}


def _without_held_out(
    name: str, study: Study, methods: Sequence[str], store: FeatureStore, splits: Collection[str]
) -> dict[str, str]:
    """Methods that train copies on a part of the training split, where some split allows no such part."""
    parting = [method for method in methods if study_method(method, study.table).trained.model_waits]
    if not parting:
        return {}
    try:
        for split in splits:
            held_out(store, tuple(store.modalities), store.split(split)["train"], seed=0)
    except InputError as error:
        if {*methods} <= {*parting, BASELINE}:
            raise InputError(f"{name}: {', '.join(parting)} cannot train here: {error}") from error
        return dict.fromkeys(parting, "no part of the training samples, in whole groups, can be held out")
    return {}


def _require_surface(settings: StudySettings) -> None:
    if "surface" in settings.stages and not any(map(settings.surface, settings.methods)):
        raise InputError("--stages surface: no method of this study searches more than the learning rate")


def _require_sensible(settings: StudySettings, store: FeatureStore, by_hand: Collection[str]) -> set[str]:
    """Let every method check its settings, so that a bad value ends before anything is begun.

    Its samples are counted on every split that is trained on, folds among them: a search may take days, and
    confirm comes after it. What is set by hand or a user's own may not fit the data, which building the
    models shows. That takes seconds, and a named study without it skips it. Returns the import paths of all
    that is a user's own.
    """
    own: set[str] = set()
    for name in settings.methods:
        trained = settings.method(name).trained
        config = {**settings.config(name, settings.defaults(name)), "data": "not opened yet"}
        for split in settings.protocol.splits.values():
            trainer, balancers = trained.check({**config, "split": split})
            if trainer.task == REGRESSION:
                require_values(store)
            require_suitable(balancers, chosen_modalities(store, trainer.modalities))
            require_rows(trainer, store)
            used = own_paths(trainer, balancers)
            if used or settings.fixed[name] != trained.fixed:
                require_fitting(trainer, balancers, store)
            own |= used
        for fold in settings.folds:
            with _of_fold(fold):
                require_rows(trained.check({**config, "split": fold})[0], store)
        for key, value in _varied(settings, name):
            trainer, balancers = trained.check({**config, key: value})
            if key in by_hand:
                require_fitting(trainer, balancers, store)
            own |= own_paths(trainer, balancers)
    return own


def _require_recipes(settings: StudySettings, store: FeatureStore) -> None:
    """Every published recipe, with what was set by hand, can be trained on these data."""
    for name, recipe in settings.recipes.items():
        given = {**settings.recipe_config(name), "selection": "test", "data": "not opened yet"}
        if recipe.source:
            try:
                require_fitting(*settings.method(name).trained.check(given), store)
            except InputError as error:
                raise InputError(f"--protocol paper, the recipe of {name}: {error}") from error


def _varied(settings: StudySettings, name: str) -> Iterator[tuple[str, Any]]:
    """Every value that is swept, and the ends of every range that is searched."""
    for key, values in settings.sweeps.get(name, {}).items():
        yield from ((key, value) for value in values)
    for key, domain in settings.space(name).items():
        yield from ((key, value) for value in extremes(domain))


def _digests(fixed: Mapping[str, Any]) -> dict[str, str]:
    """The content of the files with initial weights: a study goes on with the same or not at all."""
    paths = fixed.get("initial_weights", {})
    return {name: hashlib.sha256(read_file(path)).hexdigest() for name, path in paths.items()}


def _union(fixed: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for settings in fixed.values() for key, value in settings.items()}


def _data(store: FeatureStore) -> DataFacts:
    return DataFacts(
        name=store.name,
        digest=store.digest,
        is_sample=store.is_sample,
        samples=len(store),
        classes=tuple(store.classes),
        modalities={name: tuple(modality.shape) for name, modality in store.modalities.items()},
        note=store.note or "",
        ceilings=store.ceilings,
    )


def _recipes(
    study: Study, store: FeatureStore, methods: Mapping[str, StudyMethod], request: StudyRequest
) -> dict[str, PaperRecipe]:
    """Published recipes, less what was chosen by hand; on the sample, which is small, with its own epochs."""
    epochs = request.epochs or (study.budget.epochs if store.is_sample else None)
    by_hand = {*request.fixed}
    by_hand |= {"precision"} if request.precision != AUTO else set()
    by_hand |= {"split"} if request.split and request.protocol == "paper" else set()
    return paper_recipes(store, methods, epochs, by_hand)


def _named(settings: StudySettings) -> ProtocolFacts:
    """The protocol with what recipes say, of which both protocols side by side have the split alone."""
    facts, said = settings.protocol, by_recipes(settings)
    if settings.protocols == ("paper",):
        return replace(facts, **said)
    return replace(facts, split=" / ".join([facts.splits["clean"], said["split"]]))


def _read(
    splits: Mapping[str, str], folds: Sequence[str], recipes: Mapping[str, PaperRecipe]
) -> dict[str, list[str]]:
    """The splits whose test part is read, by protocol."""
    read = {protocol: [split] for protocol, split in splits.items()}
    if folds:
        read["clean"] = list(folds)
    if recipes:
        used = (recipe.settings.get("split", splits["paper"]) for recipe in recipes.values())
        read["paper"] = list(dict.fromkeys(used))
    return read


def _protocol(
    store: FeatureStore,
    name: str,
    splits: Mapping[str, str],
    read: Mapping[str, Sequence[str]],
    base: Mapping[str, Any],
    searched: Collection[str],
) -> ProtocolFacts:
    """The five things without which a number means nothing, and the split of each protocol."""
    frames = any(len(modality.shape) == 4 for modality in store.modalities.values())
    return ProtocolFacts(
        name=name,
        split=" / ".join(splits.values()),
        splits=splits,
        recipe=store.recipe["name"] + (AUGMENTED if base.get("augment") else ""),
        frames=base.get("frames", 1) if frames else "none",
        selection=" / ".join(SELECTIONS[name] for name in splits),
        optimizer=optimizer_of(base, searched),
        task=_task(store, base),
        tested={protocol: _tested(store, policies) for protocol, policies in read.items()},
        objective=_objective(base),
    )


def _every_fold(
    folds: tuple[str, ...], budget: Budget, request: StudyRequest
) -> tuple[tuple[str, ...], Budget]:
    """A seed for every fold; where fewer seeds were asked for and no folds, a fold for every seed."""
    if request.seeds == AUTO_SEEDS:
        raise InputError(
            f"--seeds {AUTO_SEEDS} adds seeds, and over {len(folds)} folds samples count: give --folds 1 too"
        )
    if request.seeds is None:
        seeds = max(budget.seeds, len(folds))
        return folds, replace(budget, seeds=seeds, baseline_seeds=BASELINE_SHARE * seeds)
    if request.folds is not None and budget.seeds < len(folds):
        raise InputError(f"--folds {len(folds)} needs as many --seeds at least, and {budget.seeds} are given")
    return (folds[: budget.seeds] if budget.seeds > 1 else ()), budget


def _tested(store: FeatureStore, policies: Sequence[str]) -> HeldOut:
    """The test parts of these splits taken together."""
    rows = sorted({int(row) for policy in policies for row in store.split(policy)[TEST]})
    groups = {store.groups[row] for row in rows} if store.groups else set()
    return HeldOut(len(rows), len(groups))


def _splits(store: FeatureStore, request: StudyRequest) -> dict[str, str]:
    """Split policy of each protocol that was asked for; InputError for one that the store cannot give."""
    published = next((policy for policy in PUBLISHED_SPLITS if policy in store.policies), None)
    splits: dict[str, str | None] = {}
    if request.protocol in ("clean", "both"):
        splits["clean"] = request.split or store.default_split
    if request.protocol in ("paper", "both"):
        splits["paper"] = published if request.protocol == "both" else request.split or published
    named = {protocol: split for protocol, split in splits.items() if split is not None}
    if named.keys() != splits.keys():
        raise InputError(f"--protocol {request.protocol} needs a published split, and {store.name} has none")
    for split in named.values():
        store.split(split)  # an unknown policy, or a class missing in a part, ends here
    return named


def _task(store: FeatureStore, base: Mapping[str, Any]) -> str:
    """What is predicted and what accuracy means there; nothing for classes, which need no word."""
    if base.get("task") == MULTILABEL:
        return (
            f"{MULTILABEL}: which of {len(store.classes)} labels a sample has, binary cross-entropy loss; "
            "accuracy is that of all decisions, label by label"
        )
    if base.get("task") != REGRESSION or store.quantity is None:
        return ""
    loss = base.get("loss", AUTO)
    named_loss = next(iter(LOSSES[REGRESSION])) if loss == AUTO else loss
    scale = f"{store.quantity.name} in {store.quantity.lowest}..{store.quantity.highest}"
    return f"regression of {scale}, {named_loss} loss; accuracy is that of the sign, zero as positive"


def _objective(base: Mapping[str, Any]) -> str:
    """The score that chooses, where it is not accuracy."""
    name = objective_of(base.get("task", CLASSIFICATION), base.get("objective", AUTO)).name
    return "" if name == ACCURACY else name
