"""What a study found, in plain sentences: also what it did not find, and what it could not have found."""

from collections.abc import Mapping, Sequence
from typing import Any

from study.analysis import verdicts, words
from study.analysis.sensitivity import MINIMUM_TRIALS, completed, incumbent
from study.analysis.summary import Analysis, confirmed, probes, protocols
from study.analysis.table import by_modality
from study.ledger import Record

SAMPLE = (
    "These are results on generated sample data: they show that the study works from end to end and "
    "say nothing about real recordings."
)
PAPER = " (paper protocol: published split, best epoch chosen on test)"


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
    long, short = (PAPER, " (paper protocol)") if protocol == "paper" else ("", "")
    said = [f"Accuracy on {split}{long}: {'; '.join(reached)}."] if reached else []
    said += [verdicts.compared(one, short, len(compared)) for one in compared]
    return said + _lost(analysis, protocol)


def _score(analysis: Analysis, protocol: str, method: str, split: str) -> dict[str, Any]:
    shown = "methods" if protocol == protocols(analysis.settings)[0] else protocol
    score: dict[str, Any] = analysis.summary[shown][method][split]["accuracy"]
    return score


def _reached(method: str, score: Mapping[str, Any]) -> str:
    bounds = words.bounds(score["low"], score["high"])
    seeds = words.count(len(score["seeds"]), "seed")
    return f"{words.method(method)} {words.percent(score['mean'])} ({bounds}, {seeds})"


def _lost(analysis: Analysis, protocol: str) -> list[str]:
    """Confirm runs that give no number: leaving them out silently would flatter the method."""
    runs = [r for r in analysis.records if r.stage == "confirm" and r.protocol == protocol]
    lost = [r for r in runs if r.status in ("diverged", "failed")]
    return [
        f"{words.method(r.method)}, seed {r.seed}: the confirm run {r.status} "
        f"({r.reason or words.NO_REASON}). The mean is over the other seeds, which flatters the method."
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
        f"Modality imbalance under {words.method(method)}: a linear probe on each encoder alone "
        f"reaches {each} on {split}, {gap} apart."
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
    return f"noise floor {floor:.2f}" if gap > floor else f"not above its noise floor of {floor:.2f}"


def _strengths(method: str, runs: Sequence[Record]) -> list[str]:
    means = _everywhere(runs, "strength")
    each = [f"{words.plain(modality)} {100 * mean:.0f}{words.PERCENT}" for modality, mean in means.items()]
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
                said.append(verdicts.swept(method, key, points, best.config.get(key)))
                said.extend(verdicts.lost_points(key, points))
    return said


def _importances(analysis: Analysis) -> list[str]:
    said = [verdicts.important(method, found) for method, found in analysis.importances.items()]
    counts = {method: len(completed(analysis.records, "search", method)) for method in analysis.sweeps}
    short = [f"{n} of {words.method(m)}" for m, n in counts.items() if 0 < n < MINIMUM_TRIALS]
    if short:
        said.append(
            "Importances of hyperparameters are left out where they would be noise: they need "
            f"{MINIMUM_TRIALS} completed search trials of a method, and there are {words.listing(short)}."
        )
    return said


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
    cpu = words.duration(cost["cpu_hours"])
    return [f"All {words.count(trials, 'trial')} together took {cpu} of CPU time{gpu}."]
