"""What a run is built from: whose step, whose fusion, which modalities, and the model itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.class_loss import CrossEntropy, class_weights
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data import splits
from trainables.multimodal.data.loading.augmentation import is_picture
from trainables.multimodal.data.loading.batches import stored_frames
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.networks.initial_values import INITS
from trainables.multimodal.networks.initial_weights import load_initial_weights
from trainables.multimodal.networks.model_spec import ModelSpec
from trainables.multimodal.own_parts import import_path, is_own
from trainables.multimodal.tasks import CLASSIFICATION, Classification, Task, task_on

CUTS: Final = 100
"""How often samples that are held out are drawn, until every modality is among them and among the others."""


def build_model(config: TrainerConfig, balancers: Sequence[Balancer], store: FeatureStore) -> MultimodalModel:
    """The model of a run with its initial weights, on the CPU, so that they are the same on every device.

    Those from files replace what was drawn, so that they change no other draw. No sample is read: what
    standardises the inputs is not filled in. Raises InputError for settings that do not fit the store, or a
    model that does not fit a balancer.
    """
    config.require_modalities(store.modalities)
    names = chosen_modalities(store, config.modalities)
    require_suitable(balancers, names)
    spec = ModelSpec(
        classes=task_on(store, config.task, config.loss).classes,
        shapes={name: store.modalities[name].shape for name in names},
        width=config.width,
        hidden=config.hidden,
        frames=config.frames,
        fusion=chosen_fusion(config, balancers),
        fusion_weights=dict(fusion_owner(balancers).fusion_weights),
        encoders={name: config.encoders[name] for name in names if name in config.encoders},
        d_model=config.d_model,
        layers=config.layers,
        attention_heads=config.attention_heads,
        multilabel=store.multilabel,
        shown={name: shown for name in names if (shown := store.modalities[name].shown)},
    )
    model = MultimodalModel(spec)
    INITS[config.init](model)
    for name in names:
        if name in config.initial_weights:
            load_initial_weights(model.encoders[name], config.initial_weights[name])
    for balancer in balancers:
        balancer.on_built(model)
    return model


def require_fitting(config: TrainerConfig, balancers: Sequence[Balancer], store: FeatureStore) -> None:
    """Raise InputError for settings that do not fit the store, as a run would; no sample is read."""
    require_rows(config, store)
    require_pictures(config, store)
    names = chosen_modalities(store, config.modalities)
    stored_frames({name: store.modalities[name] for name in names}, config.frames)
    build_model(config, balancers, store)


def require_rows(config: TrainerConfig, store: FeatureStore) -> None:
    """Raise InputError where the split of a run leaves too few samples, of all or of a modality, or where its
    class weights do not fit them; no sample is read.
    """
    task = task_on(store, config.task, config.loss)
    names = chosen_modalities(store, config.modalities)
    rows = usable_rows(store, names, part_rows(config, store), task)
    training_task(config, store, task, rows["train"])


def require_pictures(config: TrainerConfig, store: FeatureStore) -> None:
    """Raise InputError where pictures are to be augmented and the store has none."""
    if config.augment and not any(map(is_picture, store.modalities.values())):
        raise InputError(
            f"augment is for pictures of bytes with 3 channels and for optical flow, and {store.name} has "
            "none: leave it out"
        )


def part_rows(config: TrainerConfig, store: FeatureStore) -> dict[str, NDArray[np.int64]]:
    """Rows of the parts that a run trains on, validates with and tests."""
    return splits.TRAINED_ON[config.train_on](store.split(config.split))


def chosen_modalities(store: FeatureStore, named: Sequence[str]) -> tuple[str, ...]:
    """The named modalities of the store, or all of them; InputError for one that it lacks."""
    unknown = [name for name in named if name not in store.modalities]
    if unknown:
        raise InputError(
            f"the store has no modality {', '.join(unknown)}; it has {', '.join(store.modalities)}"
        )
    return tuple(named or store.modalities)


def require_applicable(config: TrainerConfig, balancers: Sequence[Balancer]) -> None:
    """Raise InputError where settings do not fit a balancer, or it is never called, or lacks classes."""
    require_called(balancers)
    chosen_fusion(config, balancers)
    for balancer in balancers:
        balancer.on_configured(config)
    needy = [type(balancer).__name__ for balancer in balancers if balancer.needs_classes]
    if needy and config.task != CLASSIFICATION:
        raise InputError(f"{needy[0]} needs classes: leave task at classification, not {config.task}")


def require_called(balancers: Sequence[Balancer]) -> None:
    """Raise InputError for a balancer that changes gradients of the joint step where another replaces it."""
    owner = step_owner(balancers)
    if type(owner).step is Balancer.step or owner.keeps_joint_step:
        return
    for balancer in balancers:
        if balancer is not owner and type(balancer).after_backward is not Balancer.after_backward:
            silent, stepping = type(balancer).__name__, type(owner).__name__
            raise InputError(
                f"{silent} changes gradients of the joint step, which {stepping} replaces; a run can have "
                "one of them"
            )


def require_suitable(balancers: Sequence[Balancer], modalities: Sequence[str]) -> None:
    """Raise InputError where a balancer needs more modalities or fewer, or calls something else like one."""
    for balancer in balancers:
        for name in modalities:
            if name in balancer.own_names:
                raise InputError(
                    f"{type(balancer).__name__} calls a part of its own {name}: rename the modality {name}, "
                    "or leave the method out"
                )
        if len(modalities) < balancer.fewest_modalities:
            raise InputError(
                f"{type(balancer).__name__} needs at least {balancer.fewest_modalities} modalities, and the "
                f"run has {len(modalities)}"
            )
        if len(modalities) > balancer.most_modalities:
            raise InputError(
                f"{type(balancer).__name__} compares {balancer.most_modalities} modalities with these "
                f"settings, and the run has {len(modalities)}"
            )


def usable_rows(
    store: FeatureStore, names: Sequence[str], rows: Mapping[str, NDArray[np.int64]], task: Task
) -> dict[str, NDArray[np.int64]]:
    """Rows of each part; training leaves out samples that have none of the modalities and teach nothing.

    Raises InputError for fewer samples to train or to validate with than purity has clusters, of all or of a
    modality.
    """
    least = task.n_clusters(task.targets(store)[rows["train"]])
    for part in ("train", "validation"):
        if len(rows[part]) < least:
            raise InputError(
                f"the {part} part has {len(rows[part])} samples, and there are {least} classes or bins: "
                "choose another --split, or values of a smaller range"
            )
    for name in store.present.keys() & set(names):
        for part in ("train", "validation"):
            count = int(store.present[name][rows[part]].sum())
            if count < least:
                raise InputError(
                    f"{name} is present in {count} samples of the {part} part, and there are {least} classes "
                    "or bins: leave it out with --set modalities=..., or choose another --split"
                )
    everywhere = np.ones(len(store), dtype=np.bool_)
    some = np.any([store.present.get(name, everywhere) for name in names], axis=0)
    return {**rows, "train": rows["train"][some[rows["train"]]]}


def training_task(
    config: TrainerConfig,
    store: FeatureStore,
    task: Task,
    rows: NDArray[np.int64],
    device: torch.device | str = "cpu",
) -> Task:
    """The task with the loss that trains; its class weights are counted in the training `rows` alone.

    Raises InputError where class_weights do not fit the classes.
    """
    if not isinstance(task, Classification) or not config.weighs_classes:
        return task
    weights = class_weights(config.class_weights, task.classes, task.targets(store)[rows])
    placed = None if weights is None else weights.to(device)
    return replace(task, loss=CrossEntropy(placed, config.label_smoothing))


def held_out(
    store: FeatureStore, names: Sequence[str], rows: NDArray[np.int64], seed: int
) -> NDArray[np.bool_]:
    """Which of the training rows [N] are held out, in whole groups: the first of CUTS drawn from the seed
    that leaves every class to train on and every modality on both sides; InputError if none does.
    """
    labels = splits.strata(store.labels[rows])
    groups = None if store.groups is None else [store.groups[row] for row in rows]
    present = [store.present[name][rows] for name in names if name in store.present]
    for cut in range(CUTS):
        held = splits.held_out(labels, groups, seed=seed + cut)
        sides = [mask[side].any() for mask in [np.ones_like(held), *present] for side in (held, ~held)]
        if all(sides) and set(labels[~held]) == set(labels):
            return held
    raise InputError(
        "no tenth of the training samples, in whole groups if there are any, can be held out with every "
        "class left to train on and every modality on both sides: choose another --split or another method"
    )


def step_owner(balancers: Sequence[Balancer]) -> Balancer:
    """The balancer whose `step` trains: at most one may replace the joint step."""
    owners = [balancer for balancer in balancers if type(balancer).step is not Balancer.step]
    return _only(owners, "replace the training step")


def chosen_fusion(config: TrainerConfig, balancers: Sequence[Balancer]) -> str:
    """The fusion that the method brings, or else the config names; InputError where both do."""
    owner = fusion_owner(balancers)
    if owner.fusion == Balancer.fusion:
        return config.fusion
    if config.fusion not in (owner.fusion, Balancer.fusion):
        raise InputError(
            f"{type(owner).__name__} brings the fusion {owner.fusion} and cannot have {config.fusion}: leave "
            "fusion or the method out"
        )
    return owner.fusion


def own_paths(config: TrainerConfig, balancers: Sequence[Balancer]) -> set[str]:
    """Import paths of encoders, fusion and balancers of a run that are a user's own."""
    named = {*config.encoders.values(), chosen_fusion(config, balancers)}
    return {*filter(is_own, named), *filter(None, (import_path(type(balancer)) for balancer in balancers))}


def fusion_owner(balancers: Sequence[Balancer]) -> Balancer:
    """The balancer that says how features become logits: at most one may replace the concatenation."""
    owners = [balancer for balancer in balancers if balancer.fusion != Balancer.fusion]
    return _only(owners, "replace the fusion")


def restarts(balancers: Sequence[Balancer]) -> int:
    """Restarts of k-means that the run's balancers ask for: at most one of them asks for its own number."""
    return _only([b for b in balancers if b.n_init != Balancer.n_init], "count restarts of k-means").n_init


def _only(owners: Sequence[Balancer], action: str) -> Balancer:
    if len(owners) > 1:
        names = " and ".join(type(owner).__name__ for owner in owners)
        raise InputError(f"{names} each {action}; a run can have one of them")
    return owners[0] if owners else Balancer()
