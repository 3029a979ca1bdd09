"""How far a method came, in words: the same in the table, the figure, the sentences and the csv file."""

from study.analysis.method_status import MethodStatus, SameEnding
from study.reporting import wording

CONFIRMED = "confirmed"


def status(reached: MethodStatus) -> str:
    """`confirmed`, or what is missing."""
    if reached.inapplicable:
        return "not applicable"
    if not reached.seeds:
        return f"no {reached.stage} trial completed" if reached.ended else f"{reached.stage} not finished"
    return CONFIRMED if reached.seeds >= reached.asked else f"{reached.seeds} of {reached.asked} seeds"


def reason(reached: MethodStatus) -> str:
    """Which runs were lost and why or, without any incumbent, how the search trials ended."""
    if reached.inapplicable:
        return reached.inapplicable
    told = _trials if reached.stage == "search" else _seeds
    return ", ".join(told(ending) for ending in reached.endings)


def outcome(reached: MethodStatus) -> str:
    """Both, for a method without a result."""
    return ": ".join(filter(None, [status(reached), reason(reached)]))


def _trials(ending: SameEnding) -> str:
    return f"{len(ending.seeds)} {ending.status}{_why(ending)}"


def _seeds(ending: SameEnding) -> str:
    return f"{wording.seeds(ending.seeds)} {ending.status}{_why(ending)}"


def _why(ending: SameEnding) -> str:
    """The reason of trials that were lost, in brackets."""
    return f" ({ending.reason or wording.NO_REASON})" if ending.is_lost else ""
