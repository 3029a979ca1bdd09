"""Every interval and p of fixed studies, computed again by scipy from the values behind them."""

from collections import defaultdict
from statistics import fmean

import numpy as np
import pytest
from report_reading import judged
from scipy import special, stats

from study.analysis.results import analyse

TRAINING = 1 / 3  # test size over training size of five folds: one is test and one validation


def of_runs(values):
    """Mean and half width of the 95 % interval of independent values."""
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    return float(np.mean(values)), (high - low) / 2


def of_fractions(values):
    """The same, as much wider as the variance of Student's t grows with skewness (Bartlett, 1935)."""
    mean, half = of_runs(values)
    return mean, half * np.sqrt(1 + 1.75 * stats.skew(values, bias=False) ** 2 / len(values))


def of_folds(values):
    """The same over folds that share training people (Nadeau and Bengio, 2003)."""
    wide = np.std(values, ddof=1) * np.sqrt(1 / len(values) + TRAINING)
    return float(np.mean(values)), float(stats.t.ppf(0.975, len(values) - 1) * wide)


def fraction(mean, half):
    """Ends of an interval on the scale of the logit."""
    return special.expit(special.logit(mean) + np.array([-half, half]) / (mean * (1 - mean)))


def folds_of(records):
    return {r.seed: r.config["split"] for r in records if r.stage == "confirm" and "split" in r.config}


def grouped(values, folds):
    """Mean of each fold's seeds."""
    groups = defaultdict(list)
    for seed, value in values.items():
        groups[folds[seed]].append(value)
    return {fold: fmean(group) for fold, group in groups.items()}


def again(ours, theirs, kind, folds):
    """Difference, its ends and p of two results, by the test that a comparison names."""
    if kind == "corrected t over folds":
        ours, theirs = grouped(ours, folds), grouped(theirs, folds)
        mean, half = of_folds([ours[fold] - theirs[fold] for fold in ours])
        error = half / stats.t.ppf(0.975, len(ours) - 1)
        return mean, mean - half, mean + half, 2 * stats.t.sf(abs(mean) / error, len(ours) - 1)
    shared, more = sorted(ours.keys() & theirs.keys()), sorted(theirs.keys() - ours.keys())
    if kind == "Welch's t":
        found = stats.ttest_ind(list(ours.values()), list(theirs.values()), equal_var=False)
        mean = fmean(ours.values()) - fmean(theirs.values())
    elif len(more) < 2:
        found = stats.ttest_rel([ours[s] for s in shared], [theirs[s] for s in shared])
        mean = fmean(ours[s] - theirs[s] for s in shared)
    else:
        weight = (len(shared) + len(more) / 2) / (len(shared) + len(more))
        first = [ours[s] - weight * theirs[s] for s in shared]
        second = [(1 - weight) * theirs[s] for s in more]
        found, mean = stats.ttest_ind(first, second, equal_var=False), fmean(first) - fmean(second)
    return mean, *found.confidence_interval(), found.pvalue


def holm(ps, family):
    """Adjusted p by the p itself, the smallest first."""
    adjusted, largest = {}, 0.0
    for rank, p in enumerate(sorted(ps)):
        largest = max(largest, min(1.0, (family - rank) * p))
        adjusted[p] = largest
    return adjusted


@pytest.fixture
def unequal_seeds(synthetic, settings):
    """A study of which joint training has more seeds than the others, one paired and one not."""
    draw = np.random.default_rng(0)
    base = draw.normal(0.6, 0.02, 10)
    reached = {
        "joint": base,
        "diagnose_relearn": base[:5] + draw.normal(0.01, 0.005, 5),
        "boosting": draw.normal(0.62, 0.03, 5),
    }
    records = judged(synthetic, {name: values.tolist() for name, values in reached.items()})
    return settings(methods=list(reached)), records


@pytest.fixture(params=["module_study", "compared_methods", "folded", "boosted", "unequal_seeds"])
def study(request):
    """Settings and records of a fixed study."""
    return request.getfixturevalue(request.param)


def test_intervals_of_methods(study):
    settings, records = study
    folds, checked = folds_of(records), 0
    for method in analyse(settings, records).summary["methods"].values():
        for measure in (measure for split in ("test", "validation") for measure in method[split].values()):
            values = {entry["seed"]: entry["value"] for entry in measure["seeds"]}
            if len(values) < 3:
                assert (measure["low"], measure["high"]) == (None, None)
                continue
            mean, half = (
                of_folds([*grouped(values, folds).values()]) if folds else of_fractions([*values.values()])
            )
            assert measure["mean"] == pytest.approx(mean, abs=1e-12)
            assert [measure["low"], measure["high"]] == pytest.approx(fraction(mean, half), abs=1e-9)
            checked += 1
    assert checked >= 8


def test_differences_and_their_p(study):
    settings, records = study
    results = analyse(settings, records)
    protocol = results.protocols[0]
    folds = folds_of(records)
    families = defaultdict(dict)
    for one in (c for c in results.summary["comparisons"] if c["protocol"] == protocol):
        values = [
            {s["seed"]: s["value"] for s in results.scores(protocol)[name][one["split"]]["accuracy"]["seeds"]}
            for name in (one["method"], one["baseline"])
        ]
        if one["p"] is None:
            continue
        mean, low, high, p = again(*values, one["test"], folds)
        shown = [one["difference"], one["difference_low"], one["difference_high"]]
        assert shown == pytest.approx([mean, low, high], abs=1e-9)
        assert one["p"] == pytest.approx(p, rel=1e-6)
        single, control = one["method"].startswith("unimodal_"), one["method"].startswith("boosting_")
        family = one["method"] if one["baseline"] != "joint" else (single, control)
        families[family, one["holm_over"]][one["p"]] = one["p_holm"]
    assert families
    for (_, family), ps in families.items():
        assert ps == pytest.approx(holm(ps, family))


def test_intervals_of_sweeps(study):
    sweeps = analyse(*study).summary["sensitivity"]
    values = [value for swept in sweeps.values() for sweep in swept.values() for value in sweep]
    for value in values:
        reached = [seed["value"] for seed in value["seeds"]]
        if len(reached) >= 3:
            mean, half = of_fractions(reached)
            assert [value["low"], value["high"]] == pytest.approx(fraction(mean, half), abs=1e-9)
    assert bool(values) == bool(sweeps)
