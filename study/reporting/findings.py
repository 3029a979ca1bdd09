"""What a study found, in plain sentences: also what it did not find, and what it could not have found."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from study.analysis.method_status import Standing
from study.analysis.results import Analysis
from study.analysis.selection import completed, incumbent
from study.analysis.sweeps import MINIMUM_TRIALS
from study.records.ledger import Record
from study.reporting import balance, tuning, wording
from study.reporting.comparison_wording import FEW, against_controls, verdicts
from study.reporting.tuning import Swept

SAMPLE = (
    "These are results on generated sample data: they show that the study works from end to end and "
    "say nothing about real recordings."
)
PAPER = " (paper protocol: published split, best epoch chosen on test)"


def findings(analysis: Analysis) -> list[str]:
    """All sentences, the most important first."""
    parts: Sequence[Callable[[Analysis], list[str]]] = (
        _caveats,
        _results,
        balance.too_early,
        balance.heads,
        balance.imbalance,
        balance.purity,
        _sensitivities,
        _importances,
        _search,
        _cost,
    )
    return [sentence for part in parts for sentence in part(analysis)]


def _caveats(analysis: Analysis) -> list[str]:
    said = [SAMPLE] if analysis.summary["data"]["is_sample"] else []
    note = analysis.settings.get("data", {}).get("note")
    said += [f"On the data: {note}"] if note else []
    task = analysis.summary["protocol"].get("task")
    said += [f"The task is {task}."] if task else []
    if not analysis.summary["complete"]:
        ran = [s for s, counts in analysis.summary["stages"].items() if counts["trials"]]
        so_far = f"trials so far come from {wording.listing(ran)}" if ran else "no trial has run so far"
        failed = sum(counts["failed"] for counts in analysis.summary["stages"].values())
        lost = f", {failed} of them failed" if failed else ""
        said.append(f"The study is not complete ({so_far}{lost}); everything below may still change.")
    return said


def _results(analysis: Analysis) -> list[str]:
    said = [line for protocol in analysis.protocols for line in _scores(analysis, protocol)]
    nothing = "No configuration has been confirmed with fresh seeds yet, so no method can be called better."
    return (said or [nothing]) + [
        line for protocol in analysis.protocols for line in _without(analysis, protocol)
    ]


def _scores(analysis: Analysis, protocol: str) -> list[str]:
    long, short = (PAPER, " (paper protocol)") if protocol == "paper" else ("", "")
    compared, controls = (
        [one for one in found if one.protocol == protocol]
        for found in (analysis.comparisons, analysis.controls)
    )
    order = [method for method in analysis.ranked(protocol) if analysis.accuracy(protocol, method)["seeds"]]
    told = _all if len(order) <= FEW + 1 else _best
    return [
        *(
            [f"Accuracy on {analysis.split(protocol)}{long}: {told(analysis, protocol, order)}."]
            if order
            else []
        ),
        *verdicts(compared, short),
        *against_controls(controls, short),
        *_lost(analysis, protocol),
    ]


def _all(analysis: Analysis, protocol: str, order: Sequence[str]) -> str:
    each = [
        _reached(method, analysis.accuracy(protocol, method))
        for method in analysis.methods
        if method in order
    ]
    return "; ".join(each)


def _best(analysis: Analysis, protocol: str, order: Sequence[str]) -> str:
    """The best of many methods and the baseline; the others stand in the table."""
    best, base = order[0], analysis.baseline
    flatters = f"the largest of {len(order)} means, which flatters it"
    said = f"{_reached(best, analysis.accuracy(protocol, best))} is the best, {flatters}"
    if base not in order[1:]:
        return said
    place = f"number {order.index(base) + 1} of {len(order)}"
    return f"{said}; {_reached(base, analysis.accuracy(protocol, base))}, the baseline, is {place}"


def _reached(method: str, score: Mapping[str, Any]) -> str:
    bounds = wording.bounds(score["low"], score["high"])
    seeds = wording.count(len(score["seeds"]), "seed")
    return f"{wording.method(method)} {wording.percent(score['mean'])} ({bounds}, {seeds})"


def _lost(analysis: Analysis, protocol: str) -> list[str]:
    """Confirm runs that give no number: leaving them out silently would flatter the method."""
    lost = [one for one in analysis.standing(protocol) if one.seeds and one.reason]
    each = "; ".join(f"{wording.method(one.method)}, {one.reason}" for one in lost)
    said = "Confirm runs without a number, which the means leave out and which flatters these methods"
    return [f"{said}: {each}."] if each else []


def _without(analysis: Analysis, protocol: str) -> list[str]:
    """Methods that came to nothing."""
    each = "; ".join(_nothing(one) for one in analysis.standing(protocol) if one.ended and not one.seeds)
    paper = " under the paper protocol" if protocol == "paper" else ""
    return [f"Without a result{paper}: {each}."] if each else []


def _nothing(one: Standing) -> str:
    return f"{wording.method(one.method)}, {one.status}: {one.reason}"


def _sensitivities(analysis: Analysis) -> list[str]:
    bests = {method: incumbent(analysis.records, method) for method in analysis.methods}
    return tuning.sweeps(
        [
            Swept(method, key, points, best.config.get(key))
            for method, swept in analysis.sweeps.items()
            for key, points in swept.items()
            if (best := bests[method]) is not None and len(points) > 1
        ]
    )


def _importances(analysis: Analysis) -> list[str]:
    said = tuning.importances(analysis.importances)
    counts = {method: len(completed(analysis.records, "search", method)) for method in analysis.methods}
    short = {method: n for method, n in counts.items() if 0 < n < MINIMUM_TRIALS}
    each = wording.listing([f"{n} of {wording.method(method)}" for method, n in short.items()])
    there = f"there are {each}" if len(short) <= FEW else f"{len(short)} of {len(counts)} methods have fewer"
    if short:
        said.append(
            "Importances of hyperparameters are left out where they would be noise: they need "
            f"{MINIMUM_TRIALS} completed search trials of a method, and {there}."
        )
    return said


def _search(analysis: Analysis) -> list[str]:
    searched = [record for record in analysis.records if record.stage == "search"]
    methods = [method for method in analysis.methods if any(r.method == method for r in searched)]
    if len(methods) > FEW:
        return [
            f"Search of {len(methods)} methods: {_ended(searched)}; the best trial of each is in the table."
        ]
    own = {method: [r for r in searched if r.method == method] for method in methods}
    return [
        f"Search of {wording.method(method)}: {_ended(own[method])}; {_chosen(incumbent(searched, method))}"
        for method in methods
    ]


def _ended(own: Sequence[Record]) -> str:
    counts = {status: sum(r.status == status for r in own) for status in dict.fromkeys(r.status for r in own)}
    each = [f"{count} {status}" for status, count in counts.items()]
    return f"{wording.count(len(own), 'trial')} ({wording.listing(each)})"


def _chosen(best: Record | None) -> str:
    if best is None:
        return "none ran to its end, so there is no incumbent."
    value = wording.percent(best.value)
    return f"trial {best.number} is best with {value} on validation (chosen for it, so optimistic)."


def _cost(analysis: Analysis) -> list[str]:
    cost = analysis.summary["cost"]
    trials = sum(stage["trials"] for stage in analysis.summary["stages"].values())
    if not trials:
        return []
    gpu = f" and {wording.duration(cost['gpu_hours'])} of GPU time" if cost["gpu_hours"] else ""
    cpu = wording.duration(cost["cpu_hours"])
    return [f"All {wording.count(trials, 'trial')} together took {cpu} of CPU time{gpu}."]
