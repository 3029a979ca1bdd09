"""How far every method came: its seeds, what was lost on the way and why, and what it cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.selection import agrees, confirmed, incumbent, protocols
from study.analysis.summary import Hours, cost, methods
from study.records.ledger import Record
from study.reporting import wording

CONFIRMED = "confirmed"
INAPPLICABLE = "not applicable"
LOST = ("diverged", "failed")


@dataclass(frozen=True)
class Standing:
    """How far a method came under one protocol."""

    method: str
    protocol: str
    status: str  # confirmed, or in words what is missing
    reason: str  # which runs were lost and why or, without any incumbent, how the search trials ended
    seeds: int
    asked: int
    ended: bool  # whether all trials it has in its last stage have
    costs: Mapping[str, Hours]  # search and confirm


def standings(settings: Mapping[str, Any], records: Sequence[Record]) -> list[Standing]:
    """Every method that was asked for, whatever became of it, then those that the task leaves out."""
    names = methods(settings, records)
    none = {stage: cost(settings, []) for stage in ("search", "confirm")}
    return [
        *(_standing(settings, records, name, one) for one in protocols(settings) for name in names),
        *(
            Standing(name, one, INAPPLICABLE, why, seeds=0, asked=0, ended=True, costs=none)
            for one in protocols(settings)
            for name, why in settings.get("inapplicable", {}).items()
        ),
    ]


def _standing(settings: Mapping[str, Any], records: Sequence[Record], method: str, protocol: str) -> Standing:
    own = [record for record in records if record.method == method]
    searched = [record for record in own if record.stage == "search"]
    tried = [record for record in own if (record.stage, record.protocol) == ("confirm", protocol)]
    best, done = incumbent(own, method), confirmed(own, method, protocol)
    runs = [record for record in tried if best is not None and agrees(record, best.config)]
    asked = settings.get("budget", {}).get("seeds", 1)
    return Standing(
        method,
        protocol,
        _status("search", searched) if best is None else _confirm_status(runs, len(done), asked),
        _endings(searched) if best is None else _seeds_lost(runs),
        len(done),
        asked,
        _ended(searched if best is None else runs),
        {"search": cost(settings, searched), "confirm": cost(settings, tried)},
    )


def _confirm_status(runs: Sequence[Record], done: int, asked: int) -> str:
    if not done:
        return _status("confirm", runs)
    return CONFIRMED if done >= asked else f"{done} of {asked} seeds"


def _status(stage: str, records: Sequence[Record]) -> str:
    return f"no {stage} trial completed" if _ended(records) else f"{stage} not finished"


def _ended(records: Sequence[Record]) -> bool:
    return bool(records) and all(record.finished for record in records)


def _endings(searched: Sequence[Record]) -> str:
    """How search trials ended, equal reasons counted together, lost ones first."""
    counts = Counter((record.status, _why(record)) for record in searched)
    order = sorted(counts, key=lambda ending: (ending[0] not in LOST, -counts[ending]))
    return ", ".join(f"{counts[ending]} {ending[0]}{ending[1]}" for ending in order)


def _seeds_lost(runs: Sequence[Record]) -> str:
    """Seeds of confirm runs that diverged or failed, equal reasons together."""
    seeds: dict[tuple[str, str], list[str]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        if run.status in LOST:
            seeds.setdefault((run.status, _why(run)), []).append(str(run.seed))
    return ", ".join(
        f"{wording.plural(len(found), 'seed')} {wording.listing(found)} {status}{why}"
        for (status, why), found in seeds.items()
    )


def _why(record: Record) -> str:
    """The reason of a trial that was lost, in brackets."""
    return f" ({record.reason or wording.NO_REASON})" if record.status in LOST else ""
