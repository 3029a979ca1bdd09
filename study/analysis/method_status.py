"""How far every method came: its seeds, how its other trials ended and why, and what it cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.summary import Hours, cost
from study.records.trial_record import Record

LOST_ENDINGS = ("diverged", "failed", "collapsed")
COLLAPSED = "validation macro-F1 gains less than half of the median seed's over guessing"


@dataclass(frozen=True)
class SameEnding:
    """Trials that ended alike."""

    status: str
    reason: str | None  # of lost ones, where one was recorded
    seeds: tuple[int, ...]  # one per trial

    @property
    def is_lost(self) -> bool:
        """Whether they diverged, failed or collapsed."""
        return self.status in LOST_ENDINGS


@dataclass(frozen=True)
class MethodStatus:
    """How far a method came under one protocol."""

    method: str
    protocol: str
    stage: str  # the one that its result waits for: search until a configuration is chosen, then confirm
    seeds: int  # confirm runs that gave a number and did not collapse
    asked: int
    ended: bool  # whether all trials it has in that stage have
    endings: tuple[SameEnding, ...]  # of all search trials while none is chosen, else of runs left out
    costs: Mapping[str, Hours]  # search with its finalists, and confirm
    inapplicable: str = ""  # why the method cannot train this task

    @property
    def is_without_result(self) -> bool:
        """Whether the method came to its end, or never began, without any number."""
        return self.ended and not self.seeds


def method_statuses(chosen: ChosenRuns) -> list[MethodStatus]:
    """Every method that was asked for, whatever became of it, then those that the task leaves out."""
    return [
        *(_status(chosen, name, protocol) for protocol in chosen.protocols for name in chosen.methods),
        *(
            _left_out(chosen, name, protocol, why)
            for protocol in chosen.protocols
            for name, why in chosen.settings.inapplicable.items()
        ),
    ]


def _status(chosen: ChosenRuns, method: str, protocol: str) -> MethodStatus:
    searched, again = (chosen.trials(stage, method) for stage in ("search", "finalists"))
    tried = [run for run in chosen.trials("confirm", method) if run.protocol == protocol]
    known = chosen.configuration(method, protocol) is not None
    runs = chosen.begun(method, protocol)
    waited_for = runs if known else searched
    collapsed = tuple(sorted(chosen.collapsed(method, protocol)))
    untrained = (SameEnding("collapsed", COLLAPSED, collapsed),) if collapsed else ()
    return MethodStatus(
        method,
        protocol,
        stage="confirm" if known else "search",
        seeds=len(chosen.trained(method, protocol)),
        asked=chosen.settings.seeds_of(method),
        ended=bool(waited_for) and all(record.finished for record in waited_for),
        endings=(*_lost(_alike(runs)), *untrained) if known else _lost_first(_alike(searched)),
        costs={"search": cost(chosen.settings, [*searched, *again]), "confirm": cost(chosen.settings, tried)},
    )


def _left_out(chosen: ChosenRuns, method: str, protocol: str, why: str) -> MethodStatus:
    nothing = {stage: cost(chosen.settings, []) for stage in ("search", "confirm")}
    return MethodStatus(method, protocol, "", 0, 0, ended=True, endings=(), costs=nothing, inapplicable=why)


def _alike(records: Sequence[Record]) -> list[SameEnding]:
    """Trials by how they ended and, of lost ones, why."""
    groups: dict[tuple[str, str | None], list[int]] = {}
    for record in sorted(records, key=lambda record: record.seed):
        reason = record.reason if record.status in LOST_ENDINGS else None
        groups.setdefault((record.status, reason), []).append(record.seed)
    return [SameEnding(status, reason, tuple(seeds)) for (status, reason), seeds in groups.items()]


def _lost(endings: Iterable[SameEnding]) -> tuple[SameEnding, ...]:
    return tuple(ending for ending in endings if ending.is_lost)


def _lost_first(endings: Iterable[SameEnding]) -> tuple[SameEnding, ...]:
    """Lost ones first, then the most frequent."""
    return tuple(sorted(endings, key=lambda ending: (not ending.is_lost, -len(ending.seeds))))
