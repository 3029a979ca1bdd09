"""What a study found about its modalities, in sentences: imbalance, purity, re-learning, boosted heads."""

import math
from collections.abc import Mapping, Sequence

from study.analysis.results import Analysis
from study.analysis.selection import confirmed
from study.analysis.statistics import mean_interval
from study.analysis.summary import probes
from study.analysis.trial_tables import by_modality
from study.records.ledger import Record
from study.reporting import wording
from study.reporting.figures import few

FEW = 3  # more methods than this share a sentence
ONE_HEAD = "boosting_no_heads"  # the control that trains by the same losses and adds no head


def imbalance(analysis: Analysis) -> list[str]:
    """How far apart the linear probes of the modalities are."""
    found = {}
    for method in analysis.methods:
        split, scores = probes(analysis.records, method, analysis.protocols[0])
        if len(scores) > 1:
            found[method] = (split, {modality: score["mean"] for modality, score in scores.items()})
    if len(found) > FEW:
        return [_extremes(analysis.baseline, found)]
    return [
        f"Modality imbalance under {wording.method(method)}: a linear probe on each encoder alone reaches "
        f"{_each(means)} on {split}, {wording.points(_spread(means))} apart."
        for method, (split, means) in found.items()
    ]


def _extremes(baseline: str, found: Mapping[str, tuple[str, Mapping[str, float]]]) -> str:
    """The most and the least balanced of many methods, beside the baseline."""
    ranked = sorted(found, key=lambda method: _spread(found[method][1]))
    named = dict.fromkeys([ranked[0], *([baseline] if baseline in found else []), ranked[-1]])
    each = [f"{_size(found[m][1])} under {wording.method(m)} ({_each(found[m][1])})" for m in named]
    return (
        f"Modality imbalance on {found[ranked[0]][0]}, in percentage points between linear probes on single "
        f"encoders, from the least to the most of {len(found)} methods: {wording.listing(each)}."
    )


def _size(means: Mapping[str, float]) -> str:
    return f"{100 * _spread(means):.1f}"


def _each(means: Mapping[str, float]) -> str:
    ranked = sorted(means, key=lambda modality: -means[modality])
    return wording.listing([f"{wording.plain(m)} {wording.percent(means[m])}" for m in ranked])


def _spread(means: Mapping[str, float]) -> float:
    return max(means.values()) - min(means.values())


def purity(analysis: Analysis) -> list[str]:
    """Gap and noise floor of the methods in the figure, and how strongly encoders were pulled back."""
    runs = _runs(analysis)
    shown = few(analysis, [method for method, own in runs.items() if _last(own, "gap")])
    each = "; ".join(f"{wording.method(method)} {_gaps(runs[method])}" for method in shown)
    said = "Purity gap between training and validation features at the end of training"
    return [f"{said}: {each}."] * bool(each) + [
        line for method, own in runs.items() for line in _strengths(method, own)
    ]


def _gaps(runs: Sequence[Record]) -> str:
    gaps, floors = _last(runs, "gap"), _last(runs, "noise_floor")
    return wording.listing(
        [f"{wording.plain(m)} {gap:.2f} ({_floor(gap, floors.get(m))})" for m, gap in gaps.items()]
    )


def _floor(gap: float, floor: float | None) -> str:
    if floor is None:
        return "noise floor not recorded"
    return f"noise floor {floor:.2f}" if gap > floor else f"not above its noise floor of {floor:.2f}"


def _strengths(method: str, runs: Sequence[Record]) -> list[str]:
    means = _everywhere(runs, "strength")
    each = [
        f"{wording.plain(modality)} {100 * mean:.0f}{wording.PERCENT}" for modality, mean in means.items()
    ]
    moments = sum(
        any(n.endswith("/strength") for n in metrics) for r in runs for metrics in r.epochs.values()
    )
    if not each:
        return []
    return [
        f"{wording.method(method)} pulled the encoders back towards their initial weights "
        f"{moments / len(runs):.3g} times a run, on average by {wording.listing(each)}."
    ]


def heads(analysis: Analysis) -> list[str]:
    """How many heads each modality ended with, who got them, what they added, and what one head reaches."""
    runs = _runs(analysis)
    alone = runs.get(ONE_HEAD, [])
    return [
        " ".join(filter(None, [_ended_with(method, own), _newest(own), _beside_one_head(own, alone)]))
        for method, own in runs.items()
        if method not in wording.CONTROLS and _last(own, "heads")
    ]


def _ended_with(method: str, runs: Sequence[Record]) -> str:
    """Mean number of heads, and in how many runs a modality was given any."""
    means = _last(runs, "heads")
    each = wording.listing([f"{wording.plain(m)} {mean:.3g}" for m, mean in means.items()])
    start = f"{wording.method(method)} ended with this many heads on average: {each}"
    got = {m: sum(_last([run], "heads").get(m, 1) > 1 for run in runs) for m in means}
    who = [f"{wording.plain(m)} in {number} of {len(runs)} runs" for m, number in got.items() if number]
    if not who:
        return f"{start}: no modality was given a second one in {wording.count(len(runs), 'run')}."
    return f"{start}; new ones went to {wording.listing(who)}."


def too_early(analysis: Analysis) -> list[str]:
    """Runs whose chosen weights are older than what the method does: their scores say nothing of it."""
    said = []
    for deed, began in (("re-learning", _relearnt_from), ("added head", _grown_from)):
        early = {}
        for method, runs in _runs(analysis).items():
            first = [began(run) for run in runs]
            if any(first):
                early[method] = sum(_selected(r) < (f or math.inf) for r, f in zip(runs, first, strict=True))
        each = [
            f"{wording.method(method)} in {number} of {len(_runs(analysis)[method])} runs"
            for method, number in early.items()
            if number
        ]
        start = f"The chosen epoch comes before the first {deed}, so that the result shows nothing of it"
        said += [f"{start}: {wording.listing(each)}."] if each else []
    return said


def _selected(run: Record) -> float:
    return run.epochs[max(run.epochs)].get("best/epoch", math.inf)


def _relearnt_from(run: Record) -> int | None:
    """The first epoch trained from re-learnt weights; they are pulled back after an epoch was judged."""
    moments = [e for e, metrics in run.epochs.items() if any(n.endswith("/strength") for n in metrics)]
    return min(moments) + 1 if moments else None


def _grown_from(run: Record) -> int | None:
    """The first epoch that was judged with more than one head of a modality."""
    grown = [
        epoch
        for epoch, metrics in run.epochs.items()
        if any(columns.get("heads", 1) > 1 for columns in by_modality(metrics).values())
    ]
    return min(grown, default=None)


def _newest(runs: Sequence[Record]) -> str:
    """Accuracy of all heads minus that of all but the newest, at the last epoch of runs that have both."""
    added: dict[str, list[float]] = {}
    for run in runs:
        for modality, own in by_modality(run.epochs[max(run.epochs)]).items():
            if "accuracy_earlier" in own:
                added.setdefault(modality, []).append(own["accuracy_all"] - own["accuracy_earlier"])
    each = [f"{wording.plain(modality)} {_added(found)}" for modality, found in added.items()]
    said = "What the newest head adds to the modality's own validation accuracy at the last epoch"
    return f"{said}: {wording.listing(each)}." if each else ""


def _beside_one_head(runs: Sequence[Record], alone: Sequence[Record]) -> str:
    """The accuracy of all heads beside that of a single one: a newest head may only repair the others."""
    grown, single = _last(runs, "accuracy_all"), _last(alone, "accuracy_all")
    got = [modality for modality, number in _last(runs, "heads").items() if number > 1]
    each = [
        f"{wording.plain(m)} {wording.percent(grown[m])} with all heads and "
        f"{wording.percent(single[m])} with one"
        for m in got
        if m in grown and m in single
    ]
    return f"There, {wording.listing(each)} ({wording.method(ONE_HEAD)})." if each else ""


def _added(differences: Sequence[float]) -> str:
    """A mean change with its interval, and whether that tells it from none."""
    found = mean_interval(differences)
    runs = wording.count(found.n, "run")
    if found.low is None or found.high is None:
        return f"{wording.signed(found.mean)} points ({runs}, no interval)"
    clear = found.low > 0 or found.high < 0
    verdict = "distinguishable from 0" if clear else "not distinguishable from 0"
    bounds = wording.difference(found.low, found.high)
    return f"{wording.signed(found.mean)} points ({bounds}, {runs}; {verdict})"


def _runs(analysis: Analysis) -> dict[str, list[Record]]:
    protocol = analysis.protocols[0]
    found = {method: confirmed(analysis.records, method, protocol) for method in analysis.methods}
    return {method: runs for method, runs in found.items() if runs}


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
