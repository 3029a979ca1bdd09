"""What a study found, in plain sentences: also what it did not find, and what it could not have found."""

from collections.abc import Mapping, Sequence
from typing import Any

from study.analysis import words
from study.analysis.sensitivity import MINIMUM_TRIALS, Importance, Point, Shift, completed, incumbent, shifts
from study.analysis.statistics import ALPHA, Interval
from study.analysis.summary import Analysis, Comparison, confirmed, probes, protocols
from study.analysis.table import by_modality
from study.ledger import Record

SAMPLE = (
    "These are results on generated sample data: they show that the study works from end to end and "
    "say nothing about real recordings."
)
FEW_SEEDS = 3


def findings(analysis: Analysis) -> list[str]:
    """All sentences, the most important first."""
    parts = (_caveats, _results, _imbalance, _purity, _sensitivities, _importances, _search, _cost)
    return [sentence for part in parts for sentence in part(analysis)]


def _caveats(analysis: Analysis) -> list[str]:
    said = [SAMPLE] if analysis.summary["data"]["is_sample"] else []
    if not analysis.summary["complete"]:
        ran = [s for s, counts in analysis.summary["stages"].items() if counts["trials"]]
        so_far = f"trials so far come from {words.listing(ran)}" if ran else "no trial has run so far"
        said.append(f"The study is not complete ({so_far}); everything below may still change.")
    return said


def _results(analysis: Analysis) -> list[str]:
    said = [line for protocol in protocols(analysis.settings) for line in _scores(analysis, protocol)]
    return said or [
        "No configuration has been confirmed with fresh seeds yet, so no method can be called better."
    ]


def _scores(analysis: Analysis, protocol: str) -> list[str]:
    compared = [one for one in analysis.comparisons if one.protocol == protocol]
    split = (
        "test"
        if any(_score(analysis, protocol, m, "test")["seeds"] for m in analysis.sweeps)
        else "validation"
    )
    scores = {method: _score(analysis, protocol, method, split) for method in analysis.sweeps}
    reached = [_reached(method, score) for method, score in scores.items() if score["seeds"]]
    label = " (paper protocol: published split, best epoch chosen on test)" if protocol == "paper" else ""
    said = [f"Accuracy on {split}{label}: {'; '.join(reached)}."] if reached else []
    return said + [_compared(one) for one in compared] + _lost(analysis, protocol)


def _score(analysis: Analysis, protocol: str, method: str, split: str) -> dict[str, Any]:
    shown = "methods" if protocol == protocols(analysis.settings)[0] else protocol
    score: dict[str, Any] = analysis.summary[shown][method][split]["accuracy"]
    return score


def _reached(method: str, score: Mapping[str, Any]) -> str:
    bounds = words.bounds(score["low"], score["high"])
    return f"{words.method(method)} {words.percent(score['mean'])} ({bounds}, {words.count(len(score['seeds']), 'seed')})"


def _compared(one: Comparison) -> str:
    difference = one.test.difference
    ours, base = words.method(one.method), words.method(one.baseline)
    return (
        f"{ours} against {base} on the same {words.count(difference.n, 'seed')}: {_verdict(one, ours, base)}"
    )


def _verdict(one: Comparison, ours: str, base: str) -> str:
    difference, p = one.test.difference, one.adjusted
    mean = difference.mean or 0.0
    direction = "better" if mean > 0 else "worse"
    size = f"{words.points(mean)} {direction}" if mean else "exactly equal"
    if difference.n < 2:
        return f"{size}; one seed allows no statement about chance."
    if p is None:
        return f"{size} on every seed; without spread between the seeds no test can be computed."
    tested = f"{size} ({_interval(difference)}, paired t-test {words.p_value(p)})"
    if p >= ALPHA:
        return f"{tested}: not distinguishable from chance.{_power(difference)}"
    note = "" if mean > 0 else f" A negative result: {ours} did not improve on {base}."
    return f"{tested}: distinguishable from chance.{note}"


def _power(difference: Interval) -> str:
    half = ((difference.high or 0.0) - (difference.low or 0.0)) / 2
    few = f" {words.count(difference.n, 'seed')} are few." if difference.n <= FEW_SEEDS else ""
    return f"{few} A true difference below about {words.points(half)} could not have been seen."


def _interval(difference: Interval) -> str:
    low, high = difference.low or 0.0, difference.high or 0.0
    return f"95 % interval {100 * low:+.1f} to {100 * high:+.1f}"


def _lost(analysis: Analysis, protocol: str) -> list[str]:
    """Confirm runs that give no number: leaving them out silently would flatter the method."""
    runs = [r for r in analysis.records if r.stage == "confirm" and r.protocol == protocol]
    lost = [r for r in runs if r.status in ("diverged", "failed")]
    return [
        f"{words.method(r.method)}, seed {r.seed}: the confirm run {r.status} ({r.reason or 'no reason recorded'}); "
        "its mean is over the remaining seeds and therefore flatters it."
        for r in lost
    ]


def _imbalance(analysis: Analysis) -> list[str]:
    protocol = protocols(analysis.settings)[0]
    return [line for method in analysis.sweeps for line in _spread(analysis.records, method, protocol)]


def _spread(records: Sequence[Record], method: str, protocol: str) -> list[str]:
    split, found = probes(records, method, protocol)
    means = {modality: score["mean"] for modality, score in found.items()}
    if len(means) < 2:
        return []
    ranked = sorted(means, key=lambda modality: -means[modality])
    each = words.listing([f"{words.plain(m)} {words.percent(means[m])}" for m in ranked])
    gap = words.points(means[ranked[0]] - means[ranked[-1]])
    return [
        f"Modality imbalance under {words.method(method)}: a linear probe on each encoder alone reaches {each} "
        f"on {split}, {gap} apart."
    ]


def _purity(analysis: Analysis) -> list[str]:
    protocol = protocols(analysis.settings)[0]
    runs = {method: confirmed(analysis.records, method, protocol) for method in analysis.sweeps}
    return [line for method, own in runs.items() for line in (*_gaps(method, own), *_strengths(method, own))]


def _gaps(method: str, runs: Sequence[Record]) -> list[str]:
    gaps, floors = _last(runs, "gap"), _last(runs, "noise_floor")
    each = [f"{words.plain(m)} {gap:.2f} ({_floor(gap, floors.get(m))})" for m, gap in gaps.items()]
    if not each:
        return []
    return [
        f"Purity gap between training and validation features at the end of {words.method(method)}: "
        f"{words.listing(each)}."
    ]


def _floor(gap: float, floor: float | None) -> str:
    if floor is None:
        return "noise floor not recorded"
    return f"noise floor {floor:.2f}" + ("" if gap > floor else ", so no over-fitting is visible")


def _strengths(method: str, runs: Sequence[Record]) -> list[str]:
    means = _everywhere(runs, "strength")
    each = [f"{words.plain(modality)} {100 * mean:.0f} %" for modality, mean in means.items()]
    moments = sum(
        any(n.endswith("/strength") for n in metrics) for r in runs for metrics in r.epochs.values()
    )
    if not each:
        return []
    return [
        f"{words.method(method)} pulled the encoders back towards their initial weights "
        f"{moments / len(runs):.3g} times a run, on average by {words.listing(each)}."
    ]


def _last(runs: Sequence[Record], column: str) -> dict[str, float]:
    """Mean over runs of each modality's last recorded value."""
    seen: dict[str, list[float]] = {}
    for run in runs:
        latest: dict[str, float] = {}
        for _, metrics in sorted(run.epochs.items()):
            latest |= {m: columns[column] for m, columns in by_modality(metrics).items() if column in columns}
        for modality, number in latest.items():
            seen.setdefault(modality, []).append(number)
    return {modality: sum(numbers) / len(numbers) for modality, numbers in seen.items()}


def _everywhere(runs: Sequence[Record], column: str) -> dict[str, float]:
    """Mean over runs and epochs of each modality's recorded values."""
    seen: dict[str, list[float]] = {}
    for metrics in (metrics for run in runs for metrics in run.epochs.values()):
        for modality, columns in by_modality(metrics).items():
            if column in columns:
                seen.setdefault(modality, []).append(columns[column])
    return {modality: sum(numbers) / len(numbers) for modality, numbers in seen.items()}


def _sensitivities(analysis: Analysis) -> list[str]:
    said = []
    for method, swept in analysis.sweeps.items():
        best = incumbent(analysis.records, method)
        for key, points in swept.items():
            if best is not None and len(points) > 1:
                said.append(_swept(method, key, points, best.config.get(key)))
                said.extend(_lost_points(key, points))
    return said


def _swept(method: str, key: str, points: Sequence[Point], value: Any) -> str:
    symbol, tests = words.key(key), shifts(points, value)
    seen = [point for point in points if point.interval.mean is not None]
    if not seen:
        return f"Sensitivity of {words.method(method)} to {symbol}: no run of the sweep gave a number."
    top = max(seen, key=lambda point: point.interval.mean or 0.0)
    lowest = min(seen, key=lambda point: point.interval.mean or 0.0)
    spread = words.points((top.interval.mean or 0.0) - (lowest.interval.mean or 0.0))
    edge = " This is the edge of the swept range: the optimum may lie outside." if top in _edges(seen) else ""
    return (
        f"Sensitivity of {words.method(method)} to {symbol} (validation): the best mean, "
        f"{words.percent(top.interval.mean)}, is at {symbol} = {words.value(top.value)}; means differ by at most "
        f"{spread} over {words.value(seen[0].value)} to {words.value(seen[-1].value)}.{edge} "
        f"{_shifted(symbol, value, tests)}{_ablation(key, value, tests)}"
    )


def _edges(points: Sequence[Point]) -> list[Point]:
    return [points[0], points[-1]] if len(points) > 2 else []


def _shifted(symbol: str, value: Any, tests: Sequence[Shift]) -> str:
    clear = [one for one in tests if one.adjusted is not None and one.adjusted < ALPHA]
    at = f"{symbol} = {words.value(value)}"
    if not tests:
        return f"The incumbent's own {at} was not run in the sweep, so no value can be tested against it."
    if not clear:
        return f"No value is distinguishable from the incumbent's {at} in paired tests (Holm-adjusted)."
    each = [
        f"{words.value(s.value)} ({100 * (s.test.difference.mean or 0):+.1f} points, {words.p_value(s.adjusted or 0)})"
        for s in clear
    ]
    return f"Distinguishable from the incumbent's {at} (paired, Holm-adjusted): {words.listing(each)}."


def _ablation(key: str, value: Any, tests: Sequence[Shift]) -> str:
    """With lambda = 0 nothing is re-learned: that point is joint training with the other settings unchanged."""
    off = next((one for one in tests if key == "lam" and one.value == 0), None)
    if off is None or off.test.difference.mean is None:
        return ""
    return (
        f" Switching re-learning off (λ = 0, which is joint training with these settings) changes accuracy by "
        f"{100 * off.test.difference.mean:+.1f} points against λ = {words.value(value)} on the same "
        f"{words.count(off.test.difference.n, 'seed')}."
    )


def _lost_points(key: str, points: Sequence[Point]) -> list[str]:
    return [
        f"At {words.key(key)} = {words.value(point.value)}, {words.count(len(point.lost), 'run')} diverged or failed "
        f"(seed {words.listing([str(seed) for seed in point.lost])}) and is not part of the mean."
        for point in points
        if point.lost
    ]


def _importances(analysis: Analysis) -> list[str]:
    said = [_important(method, found) for method, found in analysis.importances.items()]
    short = [method for method in analysis.sweeps if method not in analysis.importances]
    counts = [len(completed(analysis.records, "search", method)) for method in short]
    if short and any(counts):
        each = [f"{words.method(m)} {n}" for m, n in zip(short, counts, strict=True)]
        said.append(
            f"Importances are not computed for {words.listing(each)} completed search trials: below "
            f"{MINIMUM_TRIALS} they would be noise."
        )
    return said


def _important(method: str, found: Sequence[Importance]) -> str:
    above = [one for one in found if one.share > one.floor_high]
    start = f"Importance in the search of {words.method(method)} (PED-ANOVA, biased towards what the sampler explored): "
    if not above:
        return f"{start}no hyperparameter stands out from the noise of permuted values."
    each = [f"{words.key(o.key)} {100 * o.share:.0f} % (noise {100 * o.floor:.0f} %)" for o in above]
    return f"{start}{words.listing(each)} {'stand' if len(above) > 1 else 'stands'} out from the noise of permuted values."


def _search(analysis: Analysis) -> list[str]:
    said = []
    for method in analysis.sweeps:
        own = [r for r in analysis.records if (r.stage, r.method) == ("search", method)]
        best = incumbent(analysis.records, method)
        if own:
            said.append(f"Search of {words.method(method)}: {_ended(own)}; {_chosen(best)}")
    return said


def _ended(own: Sequence[Record]) -> str:
    counts = {status: sum(r.status == status for r in own) for status in dict.fromkeys(r.status for r in own)}
    each = [f"{count} {status}" for status, count in counts.items()]
    return f"{words.count(len(own), 'trial')} ({words.listing(each)})"


def _chosen(best: Record | None) -> str:
    if best is None:
        return "none ran to its end, so there is no incumbent."
    value = words.percent(best.value)
    return f"trial {best.number} is best with {value} on validation (chosen for it, so optimistic)."


def _cost(analysis: Analysis) -> list[str]:
    cost = analysis.summary["cost"]
    trials = sum(stage["trials"] for stage in analysis.summary["stages"].values())
    if not trials:
        return []
    gpu = f" and {words.duration(cost['gpu_hours'])} of GPU time" if cost["gpu_hours"] else ""
    return [
        f"All {words.count(trials, 'trial')} together took {words.duration(cost['cpu_hours'])} of CPU time{gpu}."
    ]
