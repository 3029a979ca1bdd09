"""Where can a balancer help? Generated imbalance, step by step, against what can be reached.

    python tests/benchmarks/ladder.py                            # a step with a gap and one without, small
    python tests/benchmarks/ladder.py gaps --steps all --configurations 64 --seeds 5
    python tests/benchmarks/ladder.py methods --steps 3-signs --configurations 64 --seeds 20

- gaps: how far the best of many configurations of joint training stays below late fusion of encoders that
  were trained and tuned one by one, and below Bayes' rule. Only there can a balancer help.
- methods: every method, tuned with as many configurations, against joint training.

All configurations are drawn at random, the same learning rates and weight decays for every method, and
judged by validation on the data of seed 0. The best of each is then trained on the data and initial weights
of fresh seeds and read on test once. Intervals are those of paired t-tests over these seeds. Every run is a
line of <out>/runs.jsonl, written when it ends: the same command again goes on where it was.
"""

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from study.analysis.design_axes import Array
from study.methods import STUDY_METHODS, study_method
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.generated import ladder
from trainables.multimodal.data.generated.ladder import STRONG, WEAK
from trainables.multimodal.data.preparing.writer import write_once
from trainables.multimodal.errors import Diverged
from trainables.multimodal.methods import UNIMODAL, method_named

STEPS: Final[Mapping[str, Mapping[str, int]]] = {
    "2-signs": {"signs": 2},
    "2-signs-few": {"signs": 2, "samples": 1000},
    "2-signs-nuisance": {"signs": 2, "nuisance": 96},
    "2-signs-few-nuisance": {"signs": 2, "samples": 1000, "nuisance": 96},
    "3-signs": {"signs": 3},
    "3-signs-clear": {"signs": 3, "noise": 35},
    "3-signs-many": {"signs": 3, "samples": 4000},
    "3-signs-nuisance": {"signs": 3, "nuisance": 96},
    "3-signs-many-nuisance": {"signs": 3, "samples": 4000, "nuisance": 96},
    "2-signs-pictures": {"signs": 2, "noise": 40},
}
"""Steps of the ladder by what makes them hard; `pictures` in a name chooses that recipe."""
SAMPLES_SEEN: Final = 120_000
"""Of a run: 60 passes over 2000 samples, more over fewer, so that every step gets as many updates."""
BASE: Final = {"hidden": 64, "width": 0.125, "batch_size": 128, "threads": 1, "probes": False}
LEARNING_RATES: Final = (1e-3, 1.0)
WEIGHT_DECAYS: Final = (1e-5, 2e-2)
SEPARATE: Final = "separate"
"""Late fusion of encoders that were trained one by one, each with its best settings."""
ALONE: Final = {name: f"{UNIMODAL}{name}" for name in (STRONG, WEAK)}
SHARES: Final = np.linspace(0.05, 0.95, 19)
"""Of the strong modality in the mean of log-probabilities, chosen by validation."""


@dataclass(frozen=True)
class Run:
    """One configuration of a method on the data of a seed, which also seeds its initial weights."""

    step: str
    method: str
    settings: Mapping[str, Any]
    seed: int
    tested: bool
    """Whether test is read: never in a search."""

    @property
    def key(self) -> str:
        """What a line of the log is found by."""
        return json.dumps(asdict(self), sort_keys=True)


class Log:
    """The results of runs, one line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._results = {record["key"]: record for record in map(json.loads, lines)}

    def __contains__(self, run: Run) -> bool:
        return run.key in self._results

    def __getitem__(self, run: Run) -> dict[str, Any]:
        result: dict[str, Any] = self._results[run.key]
        return result

    def add(self, run: Run, result: dict[str, Any]) -> None:
        """Keep a result for good."""
        record = {"key": run.key, **result}
        with self._path.open("a") as stream:
            stream.write(json.dumps(record) + "\n")
        self._results[run.key] = record


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, print the tables."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    log = Log(options.out / "runs.jsonl")
    carry_out = partial(carried_out, log=log, out=options.out, workers=options.workers)
    steps = list(STEPS) if options.steps == "all" else options.steps.split(",")
    for step in steps:
        if options.stage == "gaps":
            names, compared = ("joint", *ALONE.values()), ("joint", SEPARATE)
        else:
            names = compared = tuple(STUDY_METHODS)
        searches = {name: configurations(step, name, options.configurations) for name in names}
        carry_out(run for runs in searches.values() for run in runs)
        best = {name: max(runs, key=lambda run: log[run]["validation"]) for name, runs in searches.items()}
        fresh = {name: confirmations(best, name, options.seeds) for name in compared}
        carry_out(run for runs in fresh.values() for run in runs)
        print(f"\n{step}: {bayes(step, options.seeds)}", flush=True)
        for line in table(fresh, best, log):
            print(line, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; the defaults take some minutes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", nargs="?", default="gaps", choices=("gaps", "methods"))
    parser.add_argument("--steps", default="2-signs,3-signs", help=f"all, or some of {','.join(STEPS)}")
    parser.add_argument("--configurations", type=int, default=8, help="of each method")
    parser.add_argument("--seeds", type=int, default=3, help="fresh ones of the best configuration")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("results/ladder"), metavar="DIR")
    return parser.parse_args(arguments)


def configurations(step: str, method: str, count: int) -> list[Run]:
    """The published values at the trainer's own weight decay, then settings drawn at random.

    Draw n is seeded by n alone: all methods see the same learning rates and weight decays.
    """
    search, modalities = study_method(method).search, (STRONG, WEAK)
    first = search.defaults_for(modalities, epochs_of(step))
    domains = search.domains_for(modalities, epochs_of(step))
    own = [key for key in domains if key != "lr"]
    runs = [Run(step, method, first, 0, tested=False)]
    for number in range(1, count):
        generator = np.random.default_rng(number)
        drawn = {
            key: float(np.exp(generator.uniform(*np.log(ends))))
            for key, ends in (("lr", LEARNING_RATES), ("weight_decay", WEIGHT_DECAYS))
        }
        drawn |= {key: plain(domains[key].sample(random_state=generator)) for key in own}
        runs.append(Run(step, method, drawn, 0, tested=False))
    return runs


def confirmations(best: Mapping[str, Run], method: str, seeds: int) -> list[Run]:
    """The best configuration of a method on fresh seeds; of separate encoders the best of each of them."""
    step = next(iter(best.values())).step
    settings = (
        {alone: best[alone].settings for alone in ALONE.values()}
        if method == SEPARATE
        else best[method].settings
    )
    return [Run(step, method, settings, seed, tested=True) for seed in range(1, seeds + 1)]


def carried_out(runs: Iterable[Run], log: Log, out: Path, workers: int) -> None:
    """Run what the log lacks, a process per core."""
    missing = [run for run in runs if run not in log]
    stores = {(run.step, run.seed): out / f"{run.step}-{run.seed}" for run in missing}
    for (step, seed), store in stores.items():
        write_once(
            read_source("ladder", None, recipe=recipe_of(step), settings=settings_of(step, seed)), store
        )
    with ProcessPoolExecutor(workers) as pool:
        futures = {pool.submit(trained, run, stores[run.step, run.seed]): run for run in missing}
        for future in as_completed(futures):
            log.add(futures[future], future.result())


def trained(run: Run, store: Path) -> dict[str, Any]:
    """Train a run, in a process of its own: its accuracies, and the CPU seconds that it took."""
    started = time.process_time()
    parts = ("validation", "test") if run.tested else ("validation",)
    torch.set_num_threads(1)
    try:
        if run.method == SEPARATE:
            views = [judged(name, run.settings[name], run, store, parts) for name in ALONE.values()]
            outputs = mixed(views)
        else:
            outputs = judged(run.method, run.settings, run, store, parts)
        reached = {part: accuracy(*outputs[part]) for part in parts}
    except Diverged:
        reached = dict.fromkeys(parts, 0.0)
    return {**reached, "seconds": round(time.process_time() - started, 2)}


Judged = dict[str, tuple[Tensor, Tensor]]
"""Part -> log-probabilities [N, K] and labels [N]."""


def judged(method: str, settings: Mapping[str, Any], run: Run, store: Path, parts: Sequence[str]) -> Judged:
    """Log-probabilities of the weights of the best validation epoch.

    The trainer is told of an epoch that is never trained, for its last one ends with k-means.
    """
    epochs = epochs_of(run.step)
    fixed = {**BASE, "data": str(store), "seed": run.seed, "epochs": epochs + 1}
    trainer = method_named(method).build({**fixed, **settings})
    while trainer.epoch < epochs:
        trainer.run_epoch()
    assert trainer.best is not None
    trainer.model.load_state_dict(trainer.best.weights["model"])
    views = {part: trainer.evaluate(part) for part in parts}
    return {part: (view.fused.log_softmax(dim=1), view.labels) for part, view in views.items()}


def mixed(views: Sequence[Judged]) -> Judged:
    """Mean of the log-probabilities of two encoders, weighted as is best on validation; of equals evenly."""
    strong, weak = views

    def mean(share: float, part: str) -> tuple[Tensor, Tensor]:
        return share * strong[part][0] + (1 - share) * weak[part][0], strong[part][1]

    best = max(SHARES, key=lambda share: (accuracy(*mean(share, "validation")), -abs(share - 0.5)))
    return {part: mean(float(best), part) for part in strong}


def accuracy(outputs: Tensor, labels: Tensor) -> float:
    """Share of labels [N] that the largest output [N, K] names."""
    return float((outputs.argmax(dim=1) == labels).double().mean())


def bayes(step: str, seeds: int) -> str:
    """What Bayes' rule reaches on the test samples of the fresh seeds."""
    views = {STRONG: (STRONG,), WEAK: (WEAK,), "both": (STRONG, WEAK)}
    drawn = [
        ladder.drawn(ladder.RECIPES[recipe_of(step)].changed(settings_of(step, seed)))
        for seed in range(1, seeds + 1)
    ]
    reached = {n: np.mean([d.bayes(*names, parts=["test"]) for d in drawn]) for n, names in views.items()}
    return "Bayes' rule " + ", ".join(f"{name} {value:.3f}" for name, value in reached.items())


def table(fresh: Mapping[str, Sequence[Run]], best: Mapping[str, Run], log: Log) -> Iterator[str]:
    """Test accuracy of each method, and its difference from joint training with a paired 95 % interval.

    Then every method is compared with its controls.
    """
    reached = {name: np.array([log[run]["test"] for run in runs]) for name, runs in fresh.items()}
    for name, values in reached.items():
        line = f"  {name:18} {values.mean():.3f} (sd {values.std(ddof=1):.3f})"
        if name != "joint":
            line += f", minus joint {difference(values, reached['joint'])}"
        if name in best:
            line += f"; validation {log[best[name]]['validation']:.3f} with {rounded(best[name].settings)}"
        yield line
    for name in reached:
        method = study_method(name).control_of if name in STUDY_METHODS else None
        if method:
            yield f"  {method} minus {name} {difference(reached[method], reached[name])}"


def difference(values: Array, others: Array) -> str:
    """Mean difference on the same seeds, in points, with its 95 % interval."""
    points = 100 * (values - others)
    low, high = stats.ttest_1samp(points, 0).confidence_interval()
    return f"{points.mean():+.1f} points ({low:+.1f} to {high:+.1f})"


def rounded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a table shows them."""
    return {k: float(f"{v:.2g}") if isinstance(v, float) else v for k, v in settings.items()}


def plain(value: Any) -> Any:
    """A drawn value as JSON keeps it."""
    return value.item() if isinstance(value, np.generic) else value


def epochs_of(step: str) -> int:
    """Passes over the training samples."""
    return SAMPLES_SEEN // STEPS[step].get("samples", ladder.Common().samples)


def recipe_of(step: str) -> str:
    """Name of the recipe of a step."""
    return "pictures" if "pictures" in step else "vectors"


def settings_of(step: str, seed: int) -> dict[str, str]:
    """Changes of the recipe, as text."""
    return {key: str(value) for key, value in {**STEPS[step], "seed": seed}.items()}


if __name__ == "__main__":
    main()
