"""Whether a report can be trusted: simulated studies whose truth is known, through the whole analysis.

Usage: PYTHONPATH=tests/study python tests/benchmarks/trust.py [--repeats N]

Nothing is trained. Every repetition draws accuracies of runs from known distributions, writes them down as
trials of a ledger, and asks what a report would say. It prints Markdown tables. With 500 repeats a share
of .95 among independent studies has a standard error of .010, of five methods each .004 to .010.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from synthetic_studies import study_settings

from study.analysis import comparisons
from study.analysis.chosen_runs import chance
from study.analysis.results import Results, analyse
from study.analysis.sequential import LOOK_SEEDS, Verdict, after_look
from study.analysis.statistics import (
    ALPHA,
    CORRELATION,
    Spread,
    StandardError,
    mean_interval,
    power,
    resampled_test,
    welch_test,
)
from study.records.trial_record import Record
from study.reporting.comparison_wording import is_clear
from study.settings import StudySettings

Draws = NDArray[np.float64]
Noise = Callable[[Draws], Draws]  # standard normal numbers -> accuracies
Runs = Mapping[str, Sequence[float]]  # method -> accuracy of each seed

SPREAD = 0.02  # standard deviation of accuracy over seeds
CANDIDATES = ("late_fusion", "ogm_ge", "diagnose_relearn", "boosting", "dr_boosting")
PAIRED = ("late_fusion", "diagnose_relearn")
CONTROLS = ("boosting_no_heads", "boosting_frozen", "boosting_random", "boosting_tripled")
ALONE = ("unimodal_audio", "unimodal_visual")
SEEDS = ((3, 3), (5, 5), (10, 10), (5, 10), (8, 16))  # of a candidate, of joint training
ASKED = study_settings(methods=["joint", *CANDIDATES, *CONTROLS, *ALONE], stages=["confirm"], sensitivity={})
TRIED = ("joint", *CANDIDATES)
OF_CANDIDATES = study_settings(methods=list(TRIED), stages=["confirm"], sensitivity={})
SIZES = "seeds, + joint's"
COVERAGE = (
    "Share of printed 95 % intervals that hold the truth: of an accuracy, and of a difference to joint "
    "training, paired or not. Collapsed runs are counted apart; the truth is the mean of runs that train."
)
FALSE = (
    "Share of studies that make a false claim: joint training, 5 candidates, 4 controls of boosting and 2 "
    "modalities alone are all equal. Candidates, controls and modalities are corrected apart, each at .05."
)
GAINS = (
    "Power: share of studies of 5 candidates that call the one better which truly is, paired (correlation "
    ".5) or not. The standard deviation over seeds is 2 points."
)
REGRET = (
    "Regret, in points of true accuracy: the best of 12 configurations by one validation run each, or the "
    "best mean of the 3 best on 3 fresh seeds. Configurations vary by 2 points (standard deviation)."
)
STOPPING = (
    f"Seeds added until a difference is decided: looks at {', '.join(map(str, LOOK_SEEDS))} seeds, joint "
    "training twice as many, Welch's test. The standard deviation over seeds is 2 points."
)
PEOPLE = (
    "Coverage of 95 % intervals of a difference over people: 5 folds of 4 people, 2 seeds each. People move "
    "it by 4 points each in test, and by so many points together in training."
)
CLAIMS = (
    "a candidate is better",
    "a candidate differs",
    "any of 11 is better",
    "a part of boosting helps",
)
INTERVALS = ("t, runs", "t, folds", "corrected, runs", "corrected, folds")
GUESSING = chance(ASKED) or 0.0


def normal(draws: Draws) -> Draws:
    """Symmetric, around 80 %."""
    return 0.8 + SPREAD * draws


def ceiling(draws: Draws) -> Draws:
    """Skewed as near a ceiling: errors of about 3 % multiply, skewness -1.75."""
    return 1 - 0.03 * np.exp(0.5 * draws)


def skewed(draws: Draws) -> Draws:
    """Skewed away from a ceiling: a gamma distribution below 66 %, skewness -1.41."""
    return 0.66 - SPREAD / np.sqrt(2) * stats.gamma.isf(stats.norm.cdf(draws), 2)


def collapsing(draws: Draws) -> Draws:
    """Normal, but one run in ten only guesses; which one it is, the draw's far decimals say."""
    return np.where(np.modf(np.abs(draws) * 1e6)[0] < 0.1, GUESSING + 0.01 * draws, normal(draws))


SHAPES: Mapping[str, Noise] = {
    "normal": normal,
    "skewed near the ceiling": ceiling,
    "skewed elsewhere": skewed,
    "one in ten collapses": collapsing,
}


def draw(rng: np.random.Generator, noise: Noise, seeds: tuple[int, int]) -> Runs:
    """Accuracies of all methods, none better than another; paired ones correlate with joint training."""
    ours, theirs = seeds
    base = rng.normal(size=theirs)
    runs = {"joint": noise(base)}
    for method in (*CANDIDATES, *CONTROLS, *ALONE):
        fresh = rng.normal(size=ours)
        shared = CORRELATION * base[:ours] + np.sqrt(1 - CORRELATION**2) * fresh
        runs[method] = noise(shared if method in PAIRED else fresh)
    return {method: values.tolist() for method, values in runs.items()}


def study(runs: Runs, settings: StudySettings = ASKED) -> Results:
    """The analysis of a ledger whose confirm runs reach these accuracies."""
    confirmed = [
        record("confirm", method, 1000 + place, value)
        for method, values in runs.items()
        for place, value in enumerate(values)
    ]
    return analyse(settings, [*(record("search", method, 0, 0.5) for method in runs), *confirmed])


def record(stage: str, method: str, seed: int, accuracy: float) -> Record:
    """A trial of one epoch that reaches this accuracy and macro-F1 on validation and test."""
    names = ("best/accuracy", "best/macro_f1", "test/accuracy", "test/macro_f1")
    epochs = {1: {"best/epoch": 1.0, **dict.fromkeys(names, accuracy)}}
    return Record(
        stage,
        method,
        seed,
        f"{stage}-{method}-{seed}",
        seed,
        "clean",
        {"lr": 0.1},
        "completed",
        epochs=epochs,
    )


def equal_methods(shape: str, seeds: tuple[int, int], repeats: int) -> tuple[list[str], list[str]]:
    """Of studies of equal methods: how often intervals hold the truth, and how often a claim is made."""
    rng, noise = np.random.default_rng(0), SHAPES[shape]
    many = noise(rng.normal(size=1_000_000))
    truth = float(many[many > 0.5].mean())  # of runs that train
    held: dict[str, list[bool]] = {"accuracy": [], "paired": [], "Welch": []}
    claims, printed = Counter[str](), 0
    for _ in range(repeats):
        results = study(draw(rng, noise, seeds))
        scores = [results.judged("clean", method) for method in CANDIDATES]
        measured = [score for score in scores if score["low"] is not None]
        printed += len(measured)
        held["accuracy"] += [score["low"] <= truth <= score["high"] for score in measured]
        for one in results.comparisons:
            low, high = one.test.difference.low, one.test.difference.high
            if one.method in CANDIDATES and low is not None and high is not None:
                held["paired" if one.kind == comparisons.PAIRED else "Welch"].append(low <= 0 <= high)
        claims.update(claimed(results))
    covered = [f"{np.mean(values):.3f}" for values in held.values()]
    false = [f"{claims[name] / repeats:.3f}" for name in CLAIMS]
    start = [shape, against(seeds)]
    return [*start, f"{printed / repeats / len(CANDIDATES):.2f}", *covered], [*start, *false]


def claimed(results: Results) -> set[str]:
    """What a report says that is false where all methods are equal."""
    clear = [c for c in (*results.comparisons, *results.controls) if is_clear(c)]
    candidates = [c for c in clear if c.method in CANDIDATES and c.baseline == results.baseline]
    holds = {
        "a candidate is better": any(c.is_better for c in candidates),
        "a candidate differs": bool(candidates),
        "any of 11 is better": any(c.is_better for c in clear if c.baseline == results.baseline),
        "a part of boosting helps": any(c.is_better for c in clear if c.baseline != results.baseline),
    }
    return {name for name, true in holds.items() if true}


def found(points: float, seeds: tuple[int, int], repeats: int) -> list[str]:
    """How often a true gain of one candidate of five is called better, and what the report foretells."""
    rng, claims = np.random.default_rng(2), Counter[str]()
    tried = ("late_fusion", "boosting")
    for _ in range(repeats):
        runs = {method: values for method, values in draw(rng, normal, seeds).items() if method in TRIED}
        for method in tried:
            gained = runs | {method: [value + points / 100 for value in runs[method]]}
            (one,) = (c for c in study(gained, OF_CANDIDATES).comparisons if c.method == method)
            claims[method] += is_clear(one) and one.is_better
    shares = [f"{claims[method] / repeats:.2f}" for method in tried]
    return [f"+{points:g}", against(seeds), *shares, foretold(points, seeds)]


def foretold(points: float, seeds: tuple[int, int]) -> str:
    """Power of Welch's test at the level of the smallest p among five, for the true spread."""
    error = StandardError(tuple(Spread(SPREAD**2, n) for n in seeds))
    return f"{power(points / 100 / error.size, error.df, ALPHA / len(CANDIDATES)):.2f}"


def regret(noise: float, repeats: int) -> list[str]:
    """Points of true accuracy that a choice among 12 configurations loses to the best of them.

    True accuracies vary by 2 points (standard deviation) and one validation run of each by `noise` points.
    """
    rng = np.random.default_rng(3)
    true = 2 * rng.normal(size=(20 * repeats, 12))
    searched = true + noise * rng.normal(size=true.shape)
    first = np.argsort(-searched, axis=1)[:, :3]
    finalists = np.take_along_axis(true, first, axis=1)
    again = finalists + noise * rng.normal(size=(3, *finalists.shape)).mean(axis=0)
    chosen = np.take_along_axis(finalists, again.argmax(axis=1)[:, None], axis=1)
    lost = [float((true.max(axis=1) - reached).mean()) for reached in (finalists[:, 0], chosen[:, 0])]
    return [f"{noise:g}", *(f"{value:.2f}" for value in lost)]


def looks(points: float, family: int, repeats: int) -> list[str]:
    """How a study ends that adds seeds until a difference is decided, and how many seeds it takes."""
    rng, ends, taken = np.random.default_rng(4), Counter[Verdict](), 0
    for _ in range(repeats):
        ours = normal(rng.normal(size=LOOK_SEEDS[-1])) + points / 100
        theirs = normal(rng.normal(size=2 * LOOK_SEEDS[-1]))
        for n in LOOK_SEEDS:
            end = after_look(welch_test(list(ours[:n]), list(theirs[: 2 * n])), n, alpha=ALPHA / family)
            if end is not Verdict.GO_ON:
                break
        ends[end] += 1
        taken += n
    fixed = StandardError((Spread(SPREAD**2, LOOK_SEEDS[-1]), Spread(SPREAD**2, 2 * LOOK_SEEDS[-1])))
    whole = power(points / 100 / fixed.size, fixed.df, ALPHA / family)
    return [
        f"+{points:g}",
        str(family),
        f"{ends[Verdict.DECIDED] / repeats:.3f}",
        f"{whole:.3f}",
        f"{taken / repeats:.1f}",
    ]


def people(training: float, repeats: int) -> list[str]:
    """Coverage of intervals of a difference over 5 folds of 20 people, 2 seeds each.

    Each of 4 people in test moves the difference by 4 points, the 16 in training together by `training`
    points, and a run by 2 (standard deviations). The truth is over people and runs.
    """
    rng, held = np.random.default_rng(5), Counter[str]()
    for _ in range(repeats):
        tested, taught = 4 * rng.normal(size=(5, 4)), training * rng.normal(size=(5, 4))
        taught_by = (taught.sum() - taught.sum(axis=1)) / np.sqrt(16)
        runs = (tested.mean(axis=1) + taught_by)[:, None] + 2 * rng.normal(size=(5, 2))
        means = runs.mean(axis=1).tolist()
        intervals = {
            "t, runs": mean_interval(runs.ravel().tolist()),
            "t, folds": mean_interval(means),
            "corrected, runs": resampled_test(runs.ravel().tolist(), 1 / 4).difference,
            "corrected, folds": resampled_test(means, 1 / 4).difference,
        }
        for name, interval in intervals.items():
            held[name] += (interval.low or 0) <= 0 <= (interval.high or 0)
    return [f"{training:g}", *(f"{held[name] / repeats:.3f}" for name in INTERVALS)]


def against(seeds: tuple[int, int]) -> str:
    """Seeds of a candidate and of joint training."""
    return f"{seeds[0]} + {seeds[1]}"


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=500, help="simulated studies per row (500)")
    repeats = parser.parse_args().repeats
    with ProcessPoolExecutor(2) as pool:

        def rows(compute: Callable[..., Any], cells: Iterable[tuple[Any, ...]]) -> list[Future[Any]]:
            return [pool.submit(compute, *cell, repeats) for cell in cells]

        equal = rows(equal_methods, product(SHAPES, SEEDS[:4]))
        gains = rows(found, product((2.0, 3.0, 5.0), SEEDS))
        choices = rows(regret, [(0.5,), (1.0,), (2.0,), (4.0,)])
        ends = rows(looks, product((0.0, 1.0, 2.0, 3.0), (1, 5)))
        folds = rows(people, [(0.0,), (2.0,), (4.0,)])
        covered, false = zip(*(row.result() for row in equal), strict=True)
        show(COVERAGE, ["accuracy over seeds", SIZES, "printed", "accuracy", "paired", "unpaired"], covered)
        show(FALSE, ["accuracy over seeds", SIZES, *CLAIMS], false)
        show(GAINS, ["true gain, points", SIZES, "paired", "unpaired", "foretold, unpaired"], ended(gains))
        show(REGRET, ["spread of a run, points", "best single run", "best mean of finalists"], ended(choices))
        show(
            STOPPING,
            ["true gain, points", "candidates", "decided", f"with {LOOK_SEEDS[-1]}", "seeds"],
            ended(ends),
        )
        show(PEOPLE, ["training, points", *INTERVALS], ended(folds))


def ended(rows: Iterable[Future[list[str]]]) -> list[list[str]]:
    """The cells of rows that are being computed."""
    return [row.result() for row in rows]


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]
    print(f"\n{title}\n", *lines, sep="\n", flush=True)


if __name__ == "__main__":
    main()
