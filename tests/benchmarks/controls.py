"""Is a study right where the truth is known? The two controls, with the defaults, for many generator seeds.

    python tests/benchmarks/controls.py                     # two repetitions of each, some minutes
    python tests/benchmarks/controls.py --repetitions 20

- gain: joint training must be shown to be better than the first modality alone. How often the interval of the
  difference covers what the second modality is worth on these samples stands beside it.
- null: neither of these two may be shown to be better.

A study with the data of each seed is kept below --results, and what it says is a line of --verdicts: the same
command again goes on where it was. Prints a line per study and a table; exit code 1 if one of the controls is
right in less than nine tenths.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Final

from study.analysis.comparisons import Comparison
from study.analysis.results import analyse
from study.analysis.statistics import ALPHA
from study.api import run_study
from study.methods import BASELINE
from study.records.study_folder import locked, read_ledger
from study.studies import STUDIES
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.generated import controls
from trainables.multimodal.data.preparing.writer import write_once
from trainables.multimodal.methods import UNIMODAL

LEAST_RIGHT: Final = 0.9
FIRST_ALONE: Final = f"{UNIMODAL}{controls.FIRST}"


@dataclass(frozen=True)
class Verdict:
    """What a study says of joint training against the first modality alone, and the truth; in points."""

    variant: str
    seed: int
    difference: float
    low: float
    high: float
    p: float
    """Adjusted over its family."""
    truth: float
    """What the second modality is worth by Bayes' rule on the same samples."""
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the study shows what is there."""
        shown = self.p < ALPHA
        return shown and self.difference > 0 if self.variant == "gain" else not shown

    @property
    def covered(self) -> bool:
        """Whether the interval covers the truth."""
        return self.low <= self.truth <= self.high


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the studies, count, print."""
    options = parse(arguments)
    kept = known(options.verdicts)
    wanted = list(product(controls.STRENGTHS, range(options.repetitions)))
    for variant, seed in wanted:
        if (variant, seed) not in kept:
            kept[variant, seed] = repeated(variant, seed, options.results.resolve())
            with options.verdicts.open("a") as stream:
                stream.write(json.dumps(asdict(kept[variant, seed])) + "\n")
        print(kept[variant, seed], flush=True)
    verdicts = [kept[asked] for asked in wanted]
    shares = [counted([v for v in verdicts if v.variant == variant]) for variant in controls.STRENGTHS]
    return int(min(shares) < LEAST_RIGHT)


def known(verdicts: Path) -> dict[tuple[str, int], "Verdict"]:
    """What the lines of a file say, by variant and seed."""
    lines = verdicts.read_text().splitlines() if verdicts.exists() else []
    kept = [Verdict(**json.loads(line)) for line in lines]
    return {(verdict.variant, verdict.seed): verdict for verdict in kept}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=2, help="generator seeds of each control")
    parser.add_argument("--results", type=Path, default=Path("results/controls"), metavar="DIR")
    parser.add_argument("--verdicts", type=Path, default=Path("results/controls.jsonl"), metavar="FILE")
    return parser.parse_args(arguments)


def repeated(variant: str, seed: int, results: Path) -> Verdict:
    """The named study on the data of a seed."""
    started = time.monotonic()
    data = results / "data" / f"controls-{variant}-{seed}"
    source = read_source(f"controls-{variant}", None, settings={"seed": str(seed)})
    write_once(source, data)
    study = STUDIES[f"controls-{variant}_modalities"]
    outcome = run_study(study, data=data, results=results, name=f"{variant}-{seed}")
    if outcome.code:
        raise SystemExit(f"{outcome.folder} is not complete: run the same command again")
    compared = comparison(outcome.folder)
    interval = compared.test.difference  # of the first alone minus joint training
    if interval.mean is None or interval.low is None or interval.high is None or compared.adjusted is None:
        raise RuntimeError(f"{outcome.folder} holds no test of {FIRST_ALONE} against {BASELINE}")
    return Verdict(
        variant,
        seed,
        *(-100 * end for end in (interval.mean, interval.high, interval.low)),
        compared.adjusted,
        100 * controls.on_samples(variant, seed).gain,
        time.monotonic() - started,
    )


def comparison(folder: Path) -> Comparison:
    """The first modality alone against joint training, as the report of the study has it."""
    with locked(folder):
        ledger = read_ledger(folder, None)
        try:
            results = analyse(ledger.settings, ledger.records())
        finally:
            ledger.close()
    return next(test for test in results.comparisons if test.method == FIRST_ALONE)


def counted(verdicts: Sequence[Verdict]) -> float:
    """Print how often the studies of a control are right, and give the share."""
    count = len(verdicts)
    right = sum(verdict.right for verdict in verdicts)
    means = {
        key: sum(getattr(v, key) for v in verdicts) / count for key in ("difference", "truth", "seconds")
    }
    print(
        f"{verdicts[0].variant}: right in {right} of {count}; difference {means['difference']:.1f} points, "
        f"truth {means['truth']:.1f}, covered in {sum(v.covered for v in verdicts)}; "
        f"{means['seconds']:.0f} s each"
    )
    return right / count


if __name__ == "__main__":
    sys.exit(main())
