"""The answer of a study in sentences: what was asked, and what is said of each method."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from study.analysis.comparisons import FAMILIES, Comparison, family_of
from study.analysis.results import Results
from study.analysis.summary import fold_of
from study.reporting import cells, status_wording, wording
from study.reporting.comparison_wording import (
    BETTER,
    NOT_DECIDABLE,
    NOT_DISTINGUISHABLE,
    WORSE,
    is_undecided,
    relation,
    together,
    verdict,
)
from trainables.multimodal.tasks import ACCURACY

UNDER = {
    "clean": "",
    "paper": " under the paper protocol (best epoch chosen on test)",
}
TESTS = "t-tests, Holm-adjusted within candidates, single modalities and controls"
NOTHING = "No configuration has been confirmed with fresh seeds yet, so no method can be called better."
UNASKED = "The stage confirm was not asked for, so no method is compared."
ENDINGS = {
    BETTER: "better than {base}",
    NOT_DISTINGUISHABLE: "not distinguishable from {base}",
    WORSE: "worse than {base}",
    NOT_DECIDABLE: "not decidable here",
}
OF_SEEDS = "intervals and p tell of other seeds, not of other samples"
MOST_NAMED = 3  # methods that a sentence names one by one


def question(results: Results) -> str:
    """What the study asks."""
    label, on = results.settings.label, f"on {wording.data(results.settings.data)}"
    base = wording.inside(label(results.baseline))
    asked = _asked(results)
    if not asked:
        return f"What does {base} reach {on}?"
    named = wording.listing([wording.inside(label(method)) for method in asked])
    if _family(results, asked[0]) != FAMILIES[0]:
        return f"How far from {base} {'is' if len(asked) == 1 else 'are'} {named} {on}?"
    if len(asked) > MOST_NAMED:
        return f"Does any of {len(asked)} methods improve on {base} {on}?"
    return f"{'Does' if len(asked) == 1 else 'Do'} {named} improve on {base} {on}?"


def answer(results: Results) -> str:
    """The verdicts on what was asked, in one sentence."""
    protocol, asked = results.protocols[0], _asked(results)
    compared = [c for c in ordered(results, protocol) if c.method in asked]
    if not compared:
        reached = _reached(results, protocol)
        return f"{reached}{_awaited(results, asked)}" if reached else _no_verdict(results, [protocol])
    kinds = {kind: [c for c in compared if judged(results, c) == kind] for kind in ENDINGS}
    told = [_told(results, kind, of) for kind, of in kinds.items() if of]
    is_yes_or_no = _family(results, compared[0].method) == FAMILIES[0]
    begun = "Yes: " if kinds[BETTER] else "No: " if kinds[WORSE] == compared else "No improvement shown: "
    return wording.capitalised(begun * is_yes_or_no + "; ".join(told) + ".")


def judged(results: Results, comparison: Comparison) -> str:
    """What is said of a method: nothing where the split that selects is saturated."""
    return NOT_DECIDABLE if results.saturated else relation(comparison)


def ordered(results: Results, protocol: str) -> list[Comparison]:
    """All methods against the baseline: candidates first, the best of each family on top."""
    compared = filter(None, (results.against_baseline(protocol, m) for m in results.ranked(protocol)))
    return sorted(compared, key=lambda c: FAMILIES.index(_family(results, c.method)))


def sentences(results: Results) -> Iterable[str]:
    """Which methods differ from the baseline, and which have no result, per protocol.

    A method whose search has left nothing to confirm is told of first (`sections/caveats.py`).
    """
    if not results.saturated:
        reached = [line for protocol in results.protocols for line in _verdicts(results, protocol)]
        yield from reached or [_no_verdict(results, results.protocols)]
    for protocol in results.protocols:
        for status in results.status(protocol):
            if status.is_without_result and status.stage != "search":
                label = results.settings.label(status.method) + cells.SHORT[protocol]
                yield f"{label} has no result, {status_wording.outcome(status)}."


def _no_verdict(results: Results, protocols: Iterable[str]) -> str:
    """Why no method is compared: nothing was confirmed by these protocols, or the baseline was not."""
    if "confirm" not in results.settings.stages:
        return UNASKED
    confirmed = any(status.seeds for protocol in protocols for status in results.status(protocol))
    label = results.settings.label(results.baseline)
    return f"{label} has no result, so no method can be compared with it." if confirmed else NOTHING


def _reached(results: Results, protocol: str) -> str:
    """What the baseline reaches; empty if it was not confirmed."""
    status = next((status for status in results.status(protocol) if status.method == results.baseline), None)
    if status is None or not status.seeds:
        return ""
    score, metric = results.judged(protocol, results.baseline), results.settings.judged_by.name
    named = f"a {wording.metric(metric)} of " if metric != ACCURACY else ""
    reached = f"{named}{wording.score(score['mean'], metric)} on {results.split(protocol)}{UNDER[protocol]}"
    reached += _test_set(results, protocol)
    bounds = wording.bounds(score["low"], score["high"], metric)
    seeds = wording.count(status.seeds, "seed")
    return f"{results.settings.label(results.baseline)} reaches {reached} ({bounds}, {seeds})."


def _verdicts(results: Results, protocol: str) -> Iterable[str]:
    """What the baseline reaches, then others against it; those that are not decided in one sentence."""
    label, base = results.settings.label, wording.inside(results.settings.label(results.baseline))
    compared = ordered(results, protocol)
    if reached := _reached(results, protocol):
        how = f" Others are compared with it by {TESTS}." if compared else ""
        yield reached + how
    for (_, undecided), group in groupby(compared, lambda c: (_family(results, c.method), is_undecided(c))):
        named = {label(comparison.method) + cells.SHORT[protocol]: comparison for comparison in group}
        if undecided:
            yield together(named, base)
        else:
            yield from (verdict(comparison, name, base) for name, comparison in named.items())


def tested_on(results: Results, protocol: str) -> str:
    """How much test holds, of how many people, and what that bounds; nothing where ledgers do not know."""
    held = _test_set(results, protocol).removeprefix(", ")
    shared = "" if _in_folds(results, protocol) else f", the same for all seeds: {OF_SEEDS}"
    return f"Test: {held}{shared}." if held else ""


def _test_set(results: Results, protocol: str) -> str:
    held_out = results.settings.protocol.tested.get(protocol)
    if held_out is None or results.split(protocol) != "test":
        return ""
    people = f" of {wording.count(held_out.groups, 'group')}" if held_out.groups else ""
    folds = ", in folds" if _in_folds(results, protocol) else ""
    return f", {wording.count(held_out.samples, 'sample')}{people}{folds}"


def _in_folds(results: Results, protocol: str) -> bool:
    return bool(fold_of(results.chosen.trained(results.baseline, protocol)))


def _awaited(results: Results, asked: Sequence[str]) -> str:
    """That no method that was asked for can be compared with the baseline."""
    if len(asked) > MOST_NAMED:
        return f" None of {len(asked)} methods has a result to compare with it."
    named = wording.listing([results.settings.label(method) for method in asked])
    return f" {named} {'has' if len(asked) == 1 else 'have'} no result to compare with it." if asked else ""


def _told(results: Results, kind: str, compared: list[Comparison]) -> str:
    """`A (+3.0 points) and B (+1.0 points) are better than joint training`."""
    metric, label = results.settings.judged_by.name, results.settings.label
    named = [f"{label(c.method)} ({wording.change(c.test.difference.mean, metric)})" for c in compared]
    rest = len(named) - MOST_NAMED
    subject = wording.listing([*named[:MOST_NAMED], f"{rest} more"] if rest > 0 else named)
    base = wording.inside(label(results.baseline))
    return f"{subject} {'is' if len(named) == 1 else 'are'} {ENDINGS[kind].format(base=base)}"


def _asked(results: Results) -> list[str]:
    """The methods that a study asks for: its candidates, or all others than the baseline."""
    others = [method for method in results.methods if method != results.baseline]
    return [method for method in others if _family(results, method) == FAMILIES[0]] or others


def _family(results: Results, method: str) -> str:
    return family_of(results.chosen, method)
