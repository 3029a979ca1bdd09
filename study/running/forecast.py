"""What a study would do, and about how long it would take, without doing it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from search_spaces.space import spelled
from study.methods import BASELINE
from study.recipe_wording import recipe_words
from study.running.announcement import of_seeds
from study.running.cluster import how_often
from study.running.hang_watch import hanging
from study.running.sampling import rungs
from study.running.stages import FINALIST_SEEDS
from study.running.staging import staged_data
from study.settings import Resources, StudySettings
from trainables.multimodal.data.loading.batches import Cut, Loader, fits_device
from trainables.multimodal.data.store.feature_store import FeatureStore, sample_bytes

_SECONDS = 10  # that timing may take
_STEPS = 3  # timed training steps of a whole batch, after smaller ones to warm up
_FEWEST = 2  # samples of the first steps
_LARGER = 4  # times as many samples in the next step
_EVALUATION = 1 / 3  # cost of a sample's forward pass in terms of its training step
_ENDS = 60  # seconds of a study's start and of its report: of about so many on two cores
_CONTEXT = 512 * 2**20  # bytes of a card that every process of CUDA takes for itself


def describe(settings: StudySettings, store: FeatureStore, *, slots: int) -> str:
    """Search spaces, rungs, trials, and expected time and disk, as text."""
    measured, kept = _measure(settings, store)
    epoch, epochs = measured.epoch(store, _split(settings)), settings.budget.epochs
    trials = at_most(settings)
    seconds = _epochs_in_all(settings, trials) * epoch / slots + _ENDS
    disk = 2 * 4 * kept * slots / 2**20  # each running trial keeps two checkpoints
    lines = [f"study {settings.study} on {store.name}: {len(store)} samples", *_spaces(settings)]
    lines += [f"{name}: not applicable, {why}" for name, why in settings.inapplicable.items()]
    lines += _rungs(settings) if settings.prunes else ["no trial is stopped early"]
    lines += [f"{stage}: at most {count} trials of {epochs} epochs" for stage, count in trials.items()]
    lines += [f"seeds: {said}" for said in of_seeds(settings)]
    lines += _recipes(settings)
    lines += [
        f"an epoch takes about {epoch:.1f} s; {slots} trials at once: about {_time(seconds)} in all, if no "
        "trial ends early",
        f"  {measured}; a sample of validation is taken to cost a third of one of training, and start and "
        "report to take a minute",
        "  no upper bound: beside other work on the processors, and with methods whose epochs cost more than "
        "those of joint, it may take twice as long",
    ]
    lines += [hanging(epoch, settings.resources or Resources())]
    lines += _memory(settings, store, measured)
    lines += [f"checkpoints need about {disk:.0f} MiB while it runs"]
    if staged := staged_data(settings.resources or Resources(), store):
        lines += [f"data: {staged}"]
    return "\n".join(lines)


def _time(seconds: float) -> str:
    """`45 s`, `12 min` or `3.4 h`: two digits or more say something."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _rungs(settings: StudySettings) -> list[str]:
    """When trials are judged, a line for all methods that are judged alike."""
    alike: dict[str, list[str]] = {}
    for method in settings.methods:
        judged = map(str, rungs(settings.budget.epochs, settings.grace(method)))
        alike.setdefault(", ".join(judged), []).append(method)
    (first, _), *others = alike.items()
    return [f"rungs at epochs {first}", *(f"  of {', '.join(m)} at {at}" for at, m in others)]


def _epochs_in_all(settings: StudySettings, trials: Mapping[str, int]) -> int:
    """Of all trials; those of a published recipe have its own number."""
    usual = settings.budget.epochs
    if "confirm" not in trials:
        return sum(trials.values()) * usual
    own = {name: int(settings.recipe_config(name)["epochs"]) for name in settings.recipes}
    more = sum(settings.seeds_of(name) * (epochs - usual) for name, epochs in own.items())
    return sum(trials.values()) * usual + more


def _recipes(settings: StudySettings) -> list[str]:
    """What runs by the paper's protocol train with, a line for each method."""
    lines = []
    for name, recipe in settings.recipes.items():
        words = recipe_words(settings.recipe_config(name), has_frames=settings.protocol.frames != "none")
        told = "; ".join(f"{head.lower()} {cell}" for head, cell in words.items())
        lines.append(f"paper, {name}: {told}; {recipe.source or 'no recipe is published for these data'}")
    return lines


def _memory(settings: StudySettings, store: FeatureStore, measured: "_Measured") -> list[str]:
    """What a trial takes of a card's memory, and whether those that share one fit; nothing on a CPU."""
    if not measured.peak:
        return []
    device = torch.device(measured.device)
    split = store.split(_split(settings))
    used = {name: store.modalities[name] for name in settings.modalities}
    parts = [len(split[part]) for part in ("train", "validation")]
    resident = sample_bytes(used) * sum(samples for samples in parts if fits_device(used, samples, device))
    taken = (measured.peak + resident + _CONTEXT) / 2**30
    whole = torch.cuda.get_device_properties(device).total_memory / 2**30
    share = (settings.resources or Resources()).gpus_per_trial
    sharing = how_often(share, 1) if 0 < share < 1 else 1
    fits = "" if taken * sharing <= whole else ", which is not enough: raise --gpus-per-trial"
    return [
        f"a trial takes about {taken:.1f} GiB of a card's {whole:.1f} GiB; {sharing} at once on it take "
        f"{taken * sharing:.1f} GiB{fits}"
    ]


def _spaces(settings: StudySettings) -> list[str]:
    lines = []
    for method in settings.methods:
        lines.append(f"{method}, searched:")
        lines += [f"  {key}: {spelled(domain)}" for key, domain in settings.space(method).items()]
        lines += [f"  {key} = {value} (fixed)" for key, value in settings.fixed[method].items()]
        lines += _swept(settings, method)
        if not settings.tries_published(method):
            lines += ["  the published values lie outside of what is searched: no search begins with them"]
    return lines


def _swept(settings: StudySettings, method: str) -> list[str]:
    """Values that the sensitivity stage tries one at a time, where it was asked for."""
    sweeps = settings.sweeps.get(method, {}) if "sensitivity" in settings.stages else {}
    return [f"  {key} = {', '.join(map(str, values))} (swept)" for key, values in sweeps.items()]


def at_most(settings: StudySettings) -> dict[str, int]:
    """Trials of each stage that has any, at most."""
    sweeps = sum(1 + sum(map(len, keys.values())) for keys in settings.sweeps.values() if keys)
    budget, methods = settings.budget, settings.methods
    final = FINALIST_SEEDS * min(budget.finalists, budget.trials)
    published = [
        name for name in methods if settings.repeats_published(name) and settings.published(name, 0.0)
    ]
    counts = {
        "search": budget.trials * len(methods),
        "finalists": final * len(methods),
        "confirm": sum(map(settings.most_seeds_of, methods)) * len(settings.protocols)
        + budget.seeds * len(published),
        "sensitivity": budget.seeds * sweeps,
        "surface": sum(len(settings.surface(name)) for name in methods),
    }
    return {stage: counts[stage] for stage in settings.stages if counts[stage]}


def joint_run(settings: StudySettings, store: Path) -> tuple[Any, dict[str, Any]]:
    """The method that forecasts measure, and its settings."""
    baseline, method = settings.method(BASELINE).trained, settings.methods[0]
    config = settings.config(method, settings.defaults(method))
    known = {key: value for key, value in config.items() if key in baseline.settings()}
    place = {"data": str(store), "split": _split(settings)}
    return baseline, {**known, **place, "device": (settings.resources or Resources()).device, "threads": 1}


def first_epoch(trained: Any, config: Mapping[str, Any]) -> float:
    """Seconds of an epoch of `joint_run`, measured as long as _SECONDS allow; without compiling."""
    trainer = trained.build({**config, "compile": False})
    return _timed(trainer, trainer.store).epoch(trainer.store, config["split"])


def _split(settings: StudySettings) -> str:
    return next(iter(settings.protocol.splits.values()))


def _measure(settings: StudySettings, store: FeatureStore) -> tuple["_Measured", int]:
    """Training steps of joint, measured, and how many numbers its checkpoint holds."""
    trained, config = joint_run(settings, store.path)
    trainer = trained.build(config)
    weights = sum(parameter.numel() for parameter in trainer.model.parameters())
    moments = sum(value.numel() for kept in trainer.optimizer.state.values() for value in kept.values())
    return _timed(trainer, store), 2 * weights + moments  # the newest weights and the best


@dataclass(frozen=True)
class _Measured:
    """What the forecast rests on."""

    steps: int
    samples: int
    """In each step, at most a batch."""
    batch: int
    seconds: float
    """Of all steps."""
    device: str
    peak: int = 0
    """Bytes of a CUDA device that training takes, less the samples that lie there."""

    @property
    def cost(self) -> float:
        """Seconds of a training step per sample."""
        return self.seconds / (self.steps * self.samples)

    def epoch(self, store: FeatureStore, policy: str) -> float:
        """Seconds of an epoch: training, and validation."""
        split = store.split(policy)
        return (len(split["train"]) + _EVALUATION * len(split["validation"])) * self.cost

    def __str__(self) -> str:
        return (
            f"measured on {self.device}: {self.steps} training steps of joint with {self.samples} of a "
            f"batch's {self.batch} samples, one thread, {self.seconds:.2f} s"
        )


def _timed(trainer: Any, store: FeatureStore) -> _Measured:
    """Steps with as many samples as there is time for: more at once as long as the next step should end
    within _SECONDS of the first.

    At the least, these are two steps with _FEWEST samples, the first of them to warm up.
    """
    started, batch = time.perf_counter(), trainer.config.batch_size
    samples, device = min(_FEWEST, batch), trainer.runtime.device.type
    _step(trainer, store, samples)
    last = _step(trainer, store, samples)
    while samples < batch:
        more = min(_LARGER * samples, batch)
        if time.perf_counter() - started + last * more / samples > _SECONDS:
            return _Measured(1, samples, batch, last, device, _peak(device))
        samples, last = more, _step(trainer, store, more)
    timed: list[float] = []
    while len(timed) < _STEPS and time.perf_counter() - started + last <= _SECONDS:
        timed.append(_step(trainer, store, samples))
    return _Measured(len(timed) or 1, samples, batch, sum(timed) or last, device, _peak(device))


def _peak(device: str) -> int:
    return torch.cuda.max_memory_reserved() if device == "cuda" else 0


def _step(trainer: Any, store: FeatureStore, samples: int) -> float:
    """Seconds of a training step of joint with so many samples, reading them included."""
    rows = np.resize(store.split(trainer.config.split)["train"], samples)
    cut = Cut(rows, tuple(trainer.model.encoders), trainer.task.targets)
    loader = Loader(store, cut, samples, trainer.config.frames, trainer.runtime.device)
    started = time.perf_counter()
    trainer.joint_step(next(loader.ordered()))
    if trainer.runtime.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
