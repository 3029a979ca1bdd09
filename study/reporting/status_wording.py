"""How far a method came, in words: the same in the table, the figure, the sentences and the csv file."""

from study.analysis.method_status import MethodStatus, SameEnding
from study.reporting import wording

CONFIRMED = "confirmed"


def status(one: MethodStatus) -> str:
    """`confirmed`, or what is missing."""
    if one.inapplicable:
        return "not applicable"
    if not one.seeds:
        return f"no {one.stage} trial completed" if one.ended else f"{one.stage} not finished"
    return CONFIRMED if one.seeds >= one.asked else f"{one.seeds} of {one.asked} seeds"


def reason(one: MethodStatus) -> str:
    """Which runs were lost and why or, without any incumbent, how the search trials ended."""
    if one.inapplicable:
        return one.inapplicable
    told = _trials if one.stage == "search" else _seeds
    return ", ".join(told(ending) for ending in one.endings)


def outcome(one: MethodStatus) -> str:
    """Both, for a method without a result."""
    return ": ".join(filter(None, [status(one), reason(one)]))


def _trials(ending: SameEnding) -> str:
    return f"{len(ending.seeds)} {ending.status}{_why(ending)}"


def _seeds(ending: SameEnding) -> str:
    return f"{wording.seeds(ending.seeds)} {ending.status}{_why(ending)}"


def _why(ending: SameEnding) -> str:
    """The reason of trials that were lost, in brackets."""
    return f" ({ending.reason or wording.NO_REASON})" if ending.is_lost else ""
