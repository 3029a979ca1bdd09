"""What to know before reading any number: sample data, what the data or the task is, an unfinished study."""

from study.analysis.method_status import MethodStatus
from study.analysis.metric_names import is_fraction
from study.analysis.results import Results
from study.reporting import status_wording, wording
from study.reporting.section import Card, Section
from trainables.multimodal.tasks import ACCURACY, Objective

SAMPLE = Card(
    "These are results on generated sample data",
    "they show that the study works from end to end and say nothing about real recordings.",
)
DECIDES = "what chooses epochs and configurations and compares methods is the {metric}."


class Caveats(Section):
    """Cards only; they come first."""

    name = "caveats"
    title = "Caveats"

    def cards(self, results: Results) -> list[Card]:
        """What limits everything below."""
        data, judged_by = results.settings.data, results.settings.judged_by
        cards = _unconfirmed(results)
        cards += [_saturated(results)] if results.saturated else []
        cards += [SAMPLE] if data.is_sample else []
        cards += [Card("On the data", data.note)] if data.note else []
        if task := results.settings.protocol.task:
            cards.append(Card("Task", f"{task}."))
        cards += [_objective(judged_by)] if judged_by.name != ACCURACY else []
        return cards + ([_incomplete(results)] if _goes_on(results) else [])


def _unconfirmed(results: Results) -> list[Card]:
    """Methods whose search has ended without a trial that completed: running it again changes nothing."""
    text = "{why}. None of its search trials completed: search other values with --space or --set."
    return [
        Card(
            f"Nothing could be confirmed of {wording.inside(results.settings.label(status.method))}",
            text.format(why=status_wording.reason(status)),
        )
        for status in results.status(results.protocols[0])
        if _is_barren(status)
    ]


def _is_barren(status: MethodStatus) -> bool:
    return status.stage == "search" and status.is_without_result


def _goes_on(results: Results) -> bool:
    """Whether anything is missing besides what a barren search has left out."""
    reached = results.status(results.protocols[0])
    barren = [status for status in reached if _is_barren(status)]
    others = [status for status in reached if not (status.inapplicable or _is_barren(status))]
    left_out = barren and all(status.seeds >= status.asked for status in others)
    return not (results.summary["complete"] or left_out)


def _objective(judged_by: Objective) -> Card:
    """What decides in place of accuracy, and in which direction."""
    title = "Smaller is better" if judged_by.sign < 0 else "Another score than accuracy decides"
    return Card(title, DECIDES.format(metric=wording.metric(judged_by.name)))


def _saturated(results: Results) -> Card:
    runs = wording.count(sum(map(len, results.runs.values())), "run")
    metric = results.settings.judged_by.name
    above = f", or its {wording.metric(metric)} is above 99{wording.PERCENT}"
    or_above = above if is_fraction(metric) else ""
    return Card(
        "The split that selects is saturated",
        f"in {len(results.saturated)} of {runs} the chosen epoch lies "
        f"in the first tenth of the training{or_above}. "
        "It cannot tell configurations apart, so nothing is said of what a method does.",
    )


def _incomplete(results: Results) -> Card:
    stages = results.summary["stages"]
    begun = [stage for stage, counts in stages.items() if counts["trials"]]
    so_far = f"trials so far come from {wording.listing(begun)}" if begun else "no trial has run so far"
    failed = sum(counts["failed"] for counts in stages.values())
    lost = f", {failed} of them failed" if failed else ""
    return Card("The study is not complete", f"{so_far}{lost}; everything below may still change.")
