"""What a study was asked to do, as the ledger keeps it, and whether a later command asks for the same."""

import ast
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from study.analysis.selection import BASELINE
from study.running.stages import STAGES, Outline
from study.studies import Budget, Study, method_named, named
from trainables.multimodal.assembly import chosen_modalities, require_fitting
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.datasets import require_values
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.initial_weights import read_file
from trainables.multimodal.tasks import AUTO, CLASSIFICATION, LOSSES, REGRESSION

OWN_OPTIONS = {
    "data": "--data",
    "epochs": "--epochs",
    "split": "--split",
    "selection": "--protocol",
    "seed": "--seeds",
    "device": "--device",
    "precision": "--precision",
    "threads": "--cpus-per-trial",
    "diagnose": "the confirm stage, which diagnoses every epoch,",
}
"""Trainer settings that a study takes by an option of their own."""
MAY_GROW = ("trials", "seeds", "stages")
MAY_CHANGE = ("id", "mlflow", "resources", "exhausted")  # where a study runs and shows, how far it came
PUBLISHED_SPLITS = ("dnr", "official")


@dataclass(frozen=True)
class Wish:
    """What the command line asks of a study, before defaults."""

    trials: int | None = None
    seeds: int | None = None
    epochs: int | None = None
    stages: tuple[str, ...] = STAGES
    protocol: str = "clean"
    split: str | None = None
    precision: str = "auto"
    fixed: Mapping[str, Any] | None = None


def build(name: str, study: Study, store: FeatureStore, wish: Wish) -> dict[str, Any]:
    """Resolve everything that decides the results; raises InputError for what makes no sense."""
    budget = _budget(study.budget, wish)
    modalities = _modalities(store, wish.fixed or {})
    task = {**study.base, **(wish.fixed or {})}.get("task", CLASSIFICATION)
    asked = named(study.methods, modalities)
    inapplicable = _inapplicable(name, asked, task)
    methods = tuple(method for method in asked if method not in inapplicable)
    _require_modalities(methods, modalities)
    fixed = _fixed(methods, modalities, wish.fixed or {})
    sweeps = _sweeps(study, budget.epochs, fixed)
    base = {"precision": wish.precision, **study.base}
    if modalities != tuple(store.modalities):
        base["modalities"] = modalities
    settings = {
        "id": uuid.uuid4().hex,
        "study": name,
        "methods": list(methods),
        "data": _data(store),
        "protocol": _protocol(store, wish, base | _union(fixed)),
        "budget": asdict(budget),
        "stages": [stage for stage in STAGES if stage in wish.stages],
        "base": base,
        "fixed": fixed,
        "sensitivity": sweeps,
        "inapplicable": inapplicable,
    }
    _require_sensible(settings, store)
    settings["initial_weights"] = _digests(wish.fixed or {})
    plain: dict[str, Any] = json.loads(json.dumps(settings))  # as the ledger gives them back
    return plain


def outline(settings: Mapping[str, Any]) -> Outline:
    """The part of the settings that plans are made from."""
    name = settings["protocol"]["name"]
    return Outline(
        methods=tuple(settings["methods"]),
        modalities=tuple(settings["base"].get("modalities") or settings["data"]["modalities"]),
        **settings["budget"],
        base=settings["base"],
        fixed=settings["fixed"],
        sweeps=settings["sensitivity"],
        protocols=("clean", "paper") if name == "both" else (name,),
        exhausted=tuple(settings.get("exhausted", ())),
    )


def continued(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a study that goes on: as they were, with more trials, seeds or stages.

    Raises:
        InputError: Anything else differs; the message lists each difference.

    """
    old, new = _flat(before), _flat(now)
    changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    refused = [key for key in changed if not _allowed(key, old.get(key), new.get(key))]
    if refused:
        diff = "; ".join(f"{key} was {old.get(key)!r}, now {new.get(key)!r}" for key in refused)
        raise InputError(
            f"study {before['study']} was begun with other settings: {diff}. Use the settings it was begun "
            "with, or --fresh to begin anew and keep the old folder under another name."
        )
    stages = [stage for stage in STAGES if stage in {*before["stages"], *now["stages"]}]
    grown = {key: max(before["budget"][key], now["budget"][key]) for key in now["budget"]}
    return {**before, "budget": grown, "stages": stages, "resources": now.get("resources")}


def parse_fixed(pairs: Sequence[str]) -> dict[str, Any]:
    """Read key=value pairs; a value is a Python literal or else a word."""
    found = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise InputError(f"--set takes key=value, got {pair!r}")
        try:
            found[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[key] = {"true": True, "false": False}.get(text.lower(), text)
    return found


def _budget(default: Budget, wish: Wish) -> Budget:
    wished = {"epochs": wish.epochs, "trials": wish.trials, "seeds": wish.seeds}
    chosen = {name: value for name, value in wished.items() if value is not None}
    for name, value in chosen.items():
        if value < 1:
            raise InputError(f"--{name} must be at least 1, got {value}")
    return replace(default, **chosen)


def _modalities(store: FeatureStore, wished: Mapping[str, Any]) -> tuple[str, ...]:
    """What is trained on: all modalities of the store, or those that were named."""
    config = TrainerConfig(data="not opened yet", epochs=1, modalities=wished.get("modalities", ()))
    return chosen_modalities(store, config.modalities)


def _require_modalities(methods: Sequence[str], modalities: Sequence[str]) -> None:
    for name in methods:
        least = method_named(name).least
        if len(modalities) < least:
            raise InputError(f"{name} needs at least {least} modalities, and the study has {len(modalities)}")


def _inapplicable(study: str, methods: Sequence[str], task: str) -> dict[str, str]:
    """Methods that cannot train this task, and why; InputError where nothing but the baseline is left."""
    if task != REGRESSION:
        return {}
    balancers = {name: method_named(name).load().method.balancers for name in methods}
    found = [name for name, own in balancers.items() if any(one.needs_classes for one in own)]
    if found and {*methods} <= {*found, BASELINE}:
        raise InputError(
            f"--set task={task}: {', '.join(found)} need classes, and {study} compares nothing else with "
            f"{BASELINE}: choose another study"
        )
    return dict.fromkeys(found, "needs classes")


def _fixed(
    methods: Sequence[str], modalities: Sequence[str], wished: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Give each fixed setting to every method that has it; what makes a method what it is stays."""
    for key in wished.keys() & OWN_OPTIONS.keys():
        raise InputError(f"--set {key} is refused: use {OWN_OPTIONS[key]} instead")
    known = {name: _keys(name, modalities) for name in methods}
    anywhere = set().union(*known.values()) - OWN_OPTIONS.keys()
    for key in sorted(wished.keys() - anywhere):
        raise InputError(
            f"--set {key}: no method of this study has it; keys are {', '.join(sorted(anywhere))}"
        )
    own = {name: {key: wished[key] for key in sorted(wished.keys() & known[name])} for name in methods}
    return {name: {**settings, **method_named(name).fixed} for name, settings in own.items()}


def _keys(name: str, modalities: Sequence[str]) -> set[str]:
    """Every key that a method may be given: settings, and what its space makes of the modalities."""
    method = method_named(name)
    return {*method.load().method.settings(), *method.space(modalities, 1)}


def _require_sensible(settings: Mapping[str, Any], store: FeatureStore) -> None:
    """Let every method check its settings, so that a bad value ends before anything is begun.

    What is fixed by hand may not fit the data, which building the models shows: it takes seconds, and a
    study as it is named has no need of it.
    """
    plan = outline(settings)
    for name in plan.methods:
        config = {**plan.config(name, plan.defaults(name)), "data": "not opened yet"}
        for split in settings["protocol"]["splits"].values():
            trainer, balancers = method_named(name).load().method.check({**config, "split": split})
            if trainer.task == REGRESSION:
                require_values(store)
            if settings["fixed"][name] != method_named(name).fixed:
                require_fitting(trainer, balancers, store)


def _digests(wished: Mapping[str, Any]) -> dict[str, str]:
    """The content of the files with initial weights: a study goes on with the same or not at all."""
    paths = wished.get("initial_weights", {})
    return {name: hashlib.sha256(read_file(path)).hexdigest() for name, path in paths.items()}


def _sweeps(
    study: Study, epochs: int, fixed: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, list[Any]]]:
    return {
        method: {key: list(values(epochs)) for key, values in keys.items() if key not in fixed[method]}
        for method, keys in study.sweeps.items()
        if method in fixed
    }


def _union(fixed: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for settings in fixed.values() for key, value in settings.items()}


def _data(store: FeatureStore) -> dict[str, Any]:
    return {
        "name": store.name,
        "digest": store.digest,
        "is_sample": store.is_sample,
        "samples": len(store),
        "classes": list(store.classes),
        "modalities": {name: list(modality.shape) for name, modality in store.modalities.items()},
        **({"note": store.note} if store.note else {}),
    }


def _protocol(store: FeatureStore, wish: Wish, base: Mapping[str, Any]) -> dict[str, Any]:
    """The five things without which a number means nothing, and the split of each protocol."""
    published = next((policy for policy in PUBLISHED_SPLITS if policy in store.policies), None)
    splits: dict[str, str | None] = {}
    if wish.protocol in ("clean", "both"):
        splits["clean"] = wish.split or store.default_split
    if wish.protocol in ("paper", "both"):
        splits["paper"] = published if wish.protocol == "both" else wish.split or published
    if None in splits.values():
        raise InputError(f"--protocol {wish.protocol} needs a published split, and {store.name} has none")
    for split in splits.values():
        store.split(str(split))  # an unknown policy, or a class missing in a part, ends here
    selections = {"clean": "best validation epoch", "paper": "best test epoch"}
    frames = any(len(modality.shape) == 4 for modality in store.modalities.values())
    return {
        "name": wish.protocol,
        "split": " / ".join(str(split) for split in splits.values()),
        "splits": splits,
        "recipe": store.recipe["name"] + (", augmented" if base.get("augment") else ""),
        "frames": base.get("frames", 1) if frames else "none",
        "selection": " / ".join(selections[name] for name in splits),
        "optimizer": _optimizer(base),
        **_goal(store, base),
    }


def _goal(store: FeatureStore, base: Mapping[str, Any]) -> dict[str, str]:
    """What a regression predicts and what accuracy means there; nothing for classes, which need no word."""
    if base.get("task") != REGRESSION or store.quantity is None:
        return {}
    loss = base.get("loss", AUTO)
    lost = next(iter(LOSSES[REGRESSION])) if loss == AUTO else loss
    scale = f"{store.quantity.name} in {store.quantity.lowest}..{store.quantity.highest}"
    return {"task": f"regression of {scale}, {lost} loss; accuracy is that of the sign, zero as positive"}


def _optimizer(base: Mapping[str, Any]) -> str:
    default = {field.name: field.default for field in fields(TrainerConfig)}
    used = {
        name: base.get(name, default[name]) for name in ("momentum", "weight_decay", "batch_size", "schedule")
    }
    return (
        f"SGD, momentum {used['momentum']}, weight decay {used['weight_decay']}, batch {used['batch_size']}, "
        f"{used['schedule']} learning rate"
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted keys; lists stay whole."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if not prefix and key in MAY_CHANGE:
            continue
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _allowed(key: str, old: Any, new: Any) -> bool:
    """Trials, seeds and stages may grow, and nothing else may change."""
    return key.split(".")[-1] in MAY_GROW and (not isinstance(old, int) or new >= old)
