"""The trials of a stage on their way through Ray: what is handed out next, and what a result leads to.

It knows nothing of Ray but the ids that Ray gives to trials; `ray_bridge` connects the two. All that it
decides stands in the ledger before anybody acts on it, so it is built anew at every start.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from study.records.ledger import Ledger
from study.records.trial_record import OBJECTIVE, Ending, Proposal, Record, objective, trial_key

PREFIX = "metrics/"  # how Ray flattens what a trial reports under "metrics"
ENVIRONMENT = r"StorageInternalError|OSError|FileNotFoundError|PermissionError|InputError"
"""Errors of disk, database or data: they stop the study, and the trial stays open for the next start."""
DRAWS = 100  # proposals that may repeat an earlier trial before a search space counts as exhausted


@dataclass(frozen=True)
class StagePlan:
    """What a stage asks of one method: `count` trials, of which `propose(n, draw)` names the n-th."""

    stage: str
    method: str
    count: int
    propose: Callable[[int, int], Proposal | None]


class StageRun:
    """The trials of one stage, or of stages that run together.

    To hand out a trial and to record a result takes the same time however many trials there are; only what
    `propose` draws with may look at all of them.

    Args:
        ledger: Where trials are begun, recorded and closed.
        plans: One per stage and method; the stages in the order in which they begin.
        pruners: An ASHA scheduler per method; methods without one run every trial to its end.
        ray_config: Turns a record into what the trial process needs.
        on_change: Called with a record whenever it changed.
        spare: Share of the trials that ASHA would stop and that run on, to show what stopping costs. They
            end as pruned, and neither searcher, scheduler nor incumbent learns what they reach after that.

    """

    def __init__(
        self,
        ledger: Ledger,
        plans: Sequence[StagePlan],
        pruners: Mapping[str, AsyncHyperBandScheduler],
        ray_config: Callable[[Record], dict[str, Any]],
        on_change: Callable[[Record], None],
        spare: float = 0.0,
    ) -> None:
        self.ledger = ledger
        self.plans = plans
        self.pruners = pruners
        self.ray_config = ray_config
        self.on_change = on_change
        self.spare = spare
        self.assigned: dict[str, str] = {}  # Ray's trial id -> key
        self.halted = ""  # why the stage cannot go on, if it cannot
        self.exhausted: set[str] = set()  # methods whose search space holds no further configuration
        self._unfinished: deque[str] = deque()  # keys of trials that an earlier start left, until handed out
        for plan in plans:
            for record in ledger.records(plan.stage, plan.method):
                self._take_up(record)

    @property
    def due(self) -> bool:
        """Whether anything is left to run."""
        return bool(self._unfinished) or any(self._missing(plan) > 0 for plan in self.plans)

    def next(self, trial_id: str) -> dict[str, Any] | None:
        """Give Ray's trial a configuration: an unfinished trial first, then a new one, at last None."""
        if self.halted:
            return None
        record = self.ledger.get(self._unfinished.popleft()) if self._unfinished else self._begin()
        if record is None:
            return None
        self.assigned[trial_id] = record.key
        self.on_change(record)
        return self.ray_config(record)

    def result(self, trial_id: str, result: Mapping[str, Any]) -> str:
        """Record an epoch and decide whether the trial goes on."""
        record = self.ledger.get(self.assigned[trial_id])
        epoch = int(result["epoch"])
        if record.finished:
            return str(TrialScheduler.STOP)
        if epoch not in record.epochs:
            return self._advance(record, epoch, result)
        if not result.get("status"):  # replayed from a checkpoint
            return str(TrialScheduler.CONTINUE)
        self._end(record, Ending(result["status"], max(record.epochs), result.get("reason"), time.time()))
        return str(TrialScheduler.STOP)

    def fail(self, trial_id: str, reason: str) -> None:
        """Close a trial that Ray gave up; one that its surroundings ended stays open for the next start."""
        record = self.ledger.get(self.assigned[trial_id])
        if re.search(ENVIRONMENT, reason):
            self.halted = reason
        elif not record.finished:
            self._end(record, Ending("failed", max(record.epochs, default=0), reason, time.time()))

    # -- results -------------------------------------------------------------------------------------------

    def _advance(self, record: Record, epoch: int, result: Mapping[str, Any]) -> str:
        """Write the decision, then the epoch, then the end: a kill between two of them loses nothing."""
        metrics = {name[len(PREFIX) :]: v for name, v in result.items() if name.startswith(PREFIX)}
        ending = self._decide(record, epoch, result, metrics)
        if ending and not record.ending:
            self.ledger.set_ending(record.key, ending)
        self.ledger.add_epoch(record.key, epoch, metrics)
        if ending and (ending.epoch <= epoch or result.get("status")):
            self._close(record.key)
            return str(TrialScheduler.STOP)
        self.on_change(self.ledger.get(record.key))
        return str(TrialScheduler.CONTINUE)

    def _decide(
        self, record: Record, epoch: int, result: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> Ending | None:
        """What was decided before a kill stays; ASHA sees the epoch all the same."""
        decision = self._prune(record, epoch, metrics)
        if record.ending:
            return record.ending
        if result.get("status"):
            return Ending(result["status"], epoch, result.get("reason"), time.time())
        if decision == TrialScheduler.STOP:
            return self._stopped(record, epoch)
        return None

    def _stopped(self, record: Record, epoch: int) -> Ending:
        """End a trial here, or let it run on with its end decided; its key draws which."""
        reason = f"below the best half at epoch {epoch}"
        if int(record.key[:8], 16) < self.spare * 16**8:
            return Ending("pruned", record.config["epochs"], f"{reason}, spared", time.time(), stopped=epoch)
        return Ending("pruned", epoch, reason, time.time())

    def _prune(self, record: Record, epoch: int, metrics: Mapping[str, float]) -> str:
        pruner = self.pruners.get(record.method)
        if pruner is None or not record.counts(epoch):
            return str(TrialScheduler.CONTINUE)
        result = {"epoch": epoch, OBJECTIVE: objective(metrics)}
        return str(pruner.on_trial_result(None, _stand_in(record), result))

    def _end(self, record: Record, ending: Ending) -> None:
        if not record.ending:
            self.ledger.set_ending(record.key, ending)
        self._close(record.key)

    def _close(self, key: str) -> None:
        self.ledger.tell(key)
        self.on_change(self.ledger.get(key))

    # -- trials --------------------------------------------------------------------------------------------

    def _take_up(self, record: Record) -> None:
        """Give ASHA's rungs every value of an earlier start; a trial without an end waits to go on."""
        self._enter(record)
        for epoch, metrics in record.epochs.items():
            self._prune(record, epoch, metrics)
        if not record.finished:
            self._unfinished.append(record.key)

    def _enter(self, record: Record) -> None:
        if record.method in self.pruners:
            self.pruners[record.method].on_trial_add(None, _stand_in(record))

    def _missing(self, plan: StagePlan) -> int:
        if plan.method in self.exhausted:
            return 0
        return plan.count - self.ledger.count(plan.stage, plan.method)

    def _begin(self) -> Record | None:
        """Begin the next trial of the method furthest from its count, so that methods advance together.

        A stage's trials begin when all of the stage before have begun: no place stands empty between them.
        """
        while due := [plan for plan in self.plans if self._missing(plan) > 0]:
            plan = max((plan for plan in due if plan.stage == due[0].stage), key=self._missing)
            record = self._draw(plan)
            if record is not None:
                self._enter(record)
                return record
            self.exhausted.add(plan.method)
        return None

    def _draw(self, plan: StagePlan) -> Record | None:
        """Draw until a configuration is new; one that was tried before is answered by the ledger already."""
        number = self.ledger.count(plan.stage, plan.method)
        for draw in range(DRAWS):
            proposal = plan.propose(number, draw)
            if proposal is None:
                return None
            key = trial_key(plan.stage, plan.method, proposal, self.ledger.digest)
            if key not in self.ledger:
                return self.ledger.add(plan.stage, plan.method, key, proposal)
        return None


def _stand_in(record: Record) -> Any:
    """A trial as ASHA needs it: known by the ledger's number, which outlives any Ray run."""
    return SimpleNamespace(trial_id=str(record.number))
