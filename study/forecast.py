"""What a study would do, and about how long it would take, without doing it."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from study.scheduling import REDUCTION_FACTOR
from study.settings import outline
from study.stages import Outline
from trainables.multimodal.data.store import FeatureStore

_STEPS = 3  # timed training steps, after one to warm up
_EVALUATION = 1 / 3  # cost of a sample's forward pass in terms of its training step
_COPIES = 3  # weights, momentum and best weights in a checkpoint, of which each running trial keeps two


def describe(settings: Mapping[str, Any], store: FeatureStore, *, slots: int) -> str:
    """Search spaces, rungs, trials, and expected time and disk, as text."""
    plan = outline(settings)
    step, parameters = _measure(plan, settings, store)
    split = store.split(next(iter(settings["protocol"]["splits"].values())))
    work = len(split["train"]) + _EVALUATION * len(split["validation"])
    epoch = work * step
    trials = _trials(plan, settings["stages"])
    hours = sum(trials.values()) * plan.epochs * epoch / slots / 3600
    disk = 2 * _COPIES * 4 * parameters * slots / 2**20
    lines = [f"study {settings['study']} on {store.name}: {len(store)} samples", *_spaces(plan)]
    lines += [f"{name}: not applicable, {why}" for name, why in settings.get("inapplicable", {}).items()]
    lines += [f"rungs at epochs {', '.join(map(str, rungs(plan)))}"]
    lines += [f"{stage}: at most {count} trials of {plan.epochs} epochs" for stage, count in trials.items()]
    lines += [f"an epoch takes about {epoch:.1f} s; {slots} trials at once: at most {hours:.2f} h in all"]
    lines += [f"checkpoints need about {disk:.0f} MiB while it runs"]
    return "\n".join(lines)


def rungs(plan: Outline) -> list[int]:
    """Epochs at which ASHA judges: the grace period and its multiples by the reduction factor."""
    found = [min(plan.grace, plan.epochs)]
    while found[-1] * REDUCTION_FACTOR <= plan.epochs:
        found.append(found[-1] * REDUCTION_FACTOR)
    return found


def _spaces(plan: Outline) -> list[str]:
    lines = []
    for method in plan.methods:
        lines.append(f"{method}, searched:")
        lines += [f"  {key}: {domain.domain_str}" for key, domain in plan.space(method).items()]
        lines += [f"  {key} = {value} (fixed)" for key, value in plan.fixed[method].items()]
    return lines


def _trials(plan: Outline, stages: Sequence[str]) -> dict[str, int]:
    sweeps = sum(1 + sum(map(len, keys.values())) for keys in plan.sweeps.values() if keys)
    counts = {
        "search": plan.trials * len(plan.methods),
        "confirm": plan.seeds * len(plan.protocols) * len(plan.methods),
        "sensitivity": plan.seeds * sweeps,
    }
    return {stage: counts[stage] for stage in stages}


def _measure(plan: Outline, settings: Mapping[str, Any], store: FeatureStore) -> tuple[float, int]:
    """Seconds of a training step per sample and parameters of the model, from a few steps of joint."""
    from trainables import JointTrainable
    from trainables.multimodal.data.loading import Cut, Loader

    method = plan.methods[0]
    config = plan.config(method, plan.defaults(method))
    known = {key: value for key, value in config.items() if key in JointTrainable.settings()}
    split = next(iter(settings["protocol"]["splits"].values()))
    device = settings["resources"]["device"]
    trainer = JointTrainable.build(
        {**known, "data": str(store.path), "split": split, "device": device, "threads": 1}
    )
    size = trainer.config.batch_size
    rows = np.resize(store.split(split)["train"], size * (_STEPS + 1))
    cut = Cut(rows, tuple(trainer.model.encoders), trainer.task.targets)
    batches = Loader(store, cut, size, trainer.config.frames, trainer.runtime.device).ordered()
    trainer.joint_step(next(batches))
    started, samples = time.perf_counter(), 0
    for batch in batches:
        trainer.joint_step(batch)
        samples += len(batch.labels)
    if trainer.runtime.device.type == "cuda":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - started) / max(1, samples)
    return seconds, sum(parameter.numel() for parameter in trainer.model.parameters())
