"""What to know before reading any number: sample data, what the data or the task is, an unfinished study."""

from study.analysis.results import Results
from study.reporting import wording
from study.reporting.section import Section
from trainables.multimodal.tasks import ACCURACY

SAMPLE = (
    "These are results on generated sample data: they show that the study works from end to end and "
    "say nothing about real recordings."
)

CHOSEN_BY = "What chooses epochs and configurations and compares methods is the {metric}: smaller is better."


class Caveats(Section):
    """Sentences only; they come first."""

    name = "caveats"
    title = "Caveats"

    def findings(self, results: Results) -> list[str]:
        """What limits everything below."""
        data, task = results.settings.data, results.settings.protocol.task
        sentences = [_saturated(results)] if results.saturated else []
        sentences += [SAMPLE] if data.is_sample else []
        sentences += [f"On the data: {data.note}"] if data.note else []
        sentences += [f"The task is {task}."] if task else []
        judged_by = results.settings.judged_by
        sentences += [CHOSEN_BY.format(metric=wording.metric(judged_by.name))] if judged_by.sign < 0 else []
        return sentences + ([] if results.summary["complete"] else [_incomplete(results)])


def _saturated(results: Results) -> str:
    runs = wording.count(sum(map(len, results.runs.values())), "run")
    is_accuracy = results.settings.judged_by.name == ACCURACY
    or_above = f", or its accuracy is above 99{wording.PERCENT}" if is_accuracy else ""
    return (
        f"The split that selects is saturated: in {len(results.saturated)} of {runs} the chosen epoch lies "
        f"in the first tenth of the training{or_above}. "
        "It cannot tell configurations apart, so nothing is said of what a method does."
    )


def _incomplete(results: Results) -> str:
    stages = results.summary["stages"]
    begun = [stage for stage, counts in stages.items() if counts["trials"]]
    so_far = f"trials so far come from {wording.listing(begun)}" if begun else "no trial has run so far"
    failed = sum(counts["failed"] for counts in stages.values())
    lost = f", {failed} of them failed" if failed else ""
    return f"The study is not complete ({so_far}{lost}); everything below may still change."
