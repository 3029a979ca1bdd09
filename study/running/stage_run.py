"""The trials of a study on their way through Ray: what is handed out next, and what a result leads to.

It knows nothing of Ray but the ids that Ray gives to trials; `ray_bridge` connects the two. All that it
decides stands in the ledger before anybody acts on it, so it is built anew at every start.
"""

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from study.records.ledger import Ledger
from study.records.trial_record import (
    BEST_OBJECTIVE,
    CROWDED,
    Ending,
    Proposal,
    Record,
    objective,
    trial_key,
)
from study.running.surroundings import of_surroundings

TRIES = 3  # of an epoch that ends with an error of the trial's own
LOSSES = 5  # of the process in one epoch: one that ends its process each time would be tried for ever
DRAWS = 100  # proposals that may repeat an earlier trial before a search space counts as exhausted


@dataclass(frozen=True)
class StagePlan:
    """What a stage asks of one method: `count` trials, of which `propose(n, draw)` names the n-th."""

    stage: str
    method: str
    count: int
    propose: Callable[[int, int], Proposal | None]
    free: int | None = None
    """How many of them may be begun already; None: all."""


class StageRun:
    """The trials of a study from first to last; what is asked for grows as stages end.

    To hand out a trial and to record a result takes the same time however many trials there are; only what
    `propose` draws with may look at all of them.

    A trial that runs out of memory on a GPU that it shares goes on alone on one, from its newest checkpoint.
    It is handed out when no other trial can be: GPUs run empty then anyway. Until it has a first result
    nothing else is handed out, for Ray lets smaller trials go first, again and again.

    Args:
        ledger: Where trials are begun, recorded and closed.
        plan: What can be asked for by now, the stages in the order in which they begin. It is called at the
            start, and again when a method's trials of a stage have ended.
        pruners: An ASHA scheduler per method for its search; a method without one stops no trial.
        ray_config: Turns a record into what the trial process needs.
        on_change: Called with a record whenever it changed.
        spare: Share of the trials that ASHA would stop and that run on, to show what stopping costs. They
            end as pruned, and neither searcher, scheduler nor incumbent learns what they reach after that.

    """

    def __init__(
        self,
        ledger: Ledger,
        plan: Callable[[], Sequence[StagePlan]],
        pruners: Mapping[str, AsyncHyperBandScheduler],
        ray_config: Callable[[Record], dict[str, Any]],
        on_change: Callable[[Record], None],
        spare: float = 0.0,
    ) -> None:
        self.ledger = ledger
        self.plan = plan
        self.plans: Sequence[StagePlan] = []
        self.pruners = pruners
        self.ray_config = ray_config
        self.on_change = on_change
        self.spare = spare
        self.assigned: dict[str, str] = {}  # Ray's trial id -> key
        self.halted = ""  # why the stage cannot go on, if it cannot
        self._unfinished: deque[str] = deque()  # keys of trials that an earlier start left, until handed out
        self._alone: deque[str] = deque()  # keys of trials that need a GPU of their own, until handed out
        self._awaited = ""  # Ray's id of such a trial that was handed out and has no result yet
        self._setbacks: Counter[tuple[str, int, bool]] = Counter()  # of a key, after so many epochs
        self._open: Counter[tuple[str, str]] = Counter()  # trials without an end, of those taken up or begun
        self._taken_up: set[tuple[str, str]] = set()
        self._plan_anew()

    @property
    def due(self) -> bool:
        """Whether anything is left to run."""
        return bool(self._unfinished or self._alone) or any(self._missing(plan) > 0 for plan in self.plans)

    @property
    def waits(self) -> bool:
        """Whether trials are running whose end may ask for more."""
        return not self.halted and self._open.total() > 0

    def next(self, trial_id: str) -> dict[str, Any] | None:
        """Give Ray's trial a configuration: an unfinished one first, then a new one; None if none is due.

        Those that need a GPU of their own come last.
        """
        if self.halted or self._awaited:
            return None
        record = self._left(self._unfinished) or self._begin() or self._left(self._alone)
        if record is None:
            return None
        self._awaited = trial_id if record.alone else ""
        self.assigned[trial_id] = record.key
        self.on_change(record)
        return self.ray_config(record)

    def result(self, trial_id: str, result: Mapping[str, Any]) -> str:
        """Record an epoch and decide whether the trial goes on."""
        record = self._heard(trial_id)
        epoch = int(result["epoch"])
        if record.finished:
            return str(TrialScheduler.STOP)
        if result.get("status") == "failed":
            self._fail(record, result["reason"])
            return str(TrialScheduler.STOP)
        if result.get("status") == CROWDED:
            self._set_apart(record, result["reason"])
            return str(TrialScheduler.STOP)
        if epoch not in record.epochs:
            return self._advance(record, epoch, result)
        if not result.get("status"):  # replayed from a checkpoint
            return str(TrialScheduler.CONTINUE)
        self._end(record, Ending(result["status"], max(record.epochs), result.get("reason"), time.time()))
        return str(TrialScheduler.STOP)

    def count_failure(self, trial_id: str, *, lost: bool) -> None:
        """Note that a trial failed by an error of its own, or that its process was lost (or its node)."""
        record = self.ledger.get(self.assigned[trial_id])
        self._setbacks[record.key, len(record.epochs), lost] += 1

    def is_last_try(self, trial_id: str) -> bool:
        """Whether a trial is given up at its next failure; an epoch that the ledger lacked ends that."""
        record = self.ledger.get(self.assigned[trial_id])
        own, losses = (self._setbacks[record.key, len(record.epochs), lost] for lost in (False, True))
        return own >= TRIES - 1 or losses >= LOSSES - 1

    def put_back(self, trial_id: str) -> None:
        """Hand a trial out again, which Ray has dropped."""
        record = self._heard(trial_id)
        (self._alone if record.alone else self._unfinished).append(record.key)

    def fail(self, trial_id: str, reason: str) -> None:
        """Close a trial that Ray gave up; one that its surroundings ended stays open for the next start."""
        record = self._heard(trial_id)
        if of_surroundings(reason):
            self.halted = reason
        elif not record.finished:
            self._fail(record, reason)

    # -- results -------------------------------------------------------------------------------------------

    def _heard(self, trial_id: str) -> Record:
        """The trial that Ray tells of; it is awaited no more."""
        if trial_id == self._awaited:
            self._awaited = ""
        return self.ledger.get(self.assigned[trial_id])

    def _set_apart(self, record: Record, reason: str) -> None:
        """Keep a trial until it can have a GPU of its own."""
        self.ledger.set_alone(record.key)
        self._alone.append(record.key)
        self.on_change(self.ledger.get(record.key))
        what = f"{record.stage} {record.method} #{record.number}"
        print(f"{what}: {reason}, so it goes on later, alone on a GPU", file=sys.stderr)

    def _advance(self, record: Record, epoch: int, result: Mapping[str, Any]) -> str:
        """Write the decision, then the epoch, then the end: a kill between two of them loses nothing."""
        metrics = dict(result["metrics"])
        if "machine" in result:  # results in checkpoints of earlier versions name none
            self.ledger.add_machine(record.key, result["machine"])
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
        pruner = self._pruner(record)
        if pruner is None or not record.counts(epoch):
            return str(TrialScheduler.CONTINUE)
        result = {"epoch": epoch, BEST_OBJECTIVE: objective(metrics)}
        return str(pruner.on_trial_result(None, _stand_in(record), result))

    def _fail(self, record: Record, reason: str) -> None:
        self._end(record, Ending("failed", max(record.epochs, default=0), reason, time.time()))

    def _end(self, record: Record, ending: Ending) -> None:
        if not record.ending:
            self.ledger.set_ending(record.key, ending)
        self._close(record.key)

    def _close(self, key: str) -> None:
        """Close a trial; the last of its stage may be what others have waited for."""
        self.ledger.tell(key)
        record = self.ledger.get(key)
        self.on_change(record)
        group = record.stage, record.method
        self._open[group] -= 1
        if not self._open[group] and not any(
            self._missing(plan) > 0 for plan in self.plans if (plan.stage, plan.method) == group
        ):
            self._plan_anew()

    # -- trials --------------------------------------------------------------------------------------------

    def _plan_anew(self) -> None:
        """Ask what is due, and take up what an earlier start has left of it."""
        self.plans = self.plan()
        for group in dict.fromkeys((plan.stage, plan.method) for plan in self.plans):
            if group not in self._taken_up:
                self._taken_up.add(group)
                for record in self.ledger.records(*group):
                    self._take_up(record)

    def _take_up(self, record: Record) -> None:
        """Give ASHA's rungs every value of an earlier start; a trial without an end waits to go on."""
        self._enter(record)
        for epoch, metrics in record.epochs.items():
            self._prune(record, epoch, metrics)
        if not record.finished:
            self._open[record.stage, record.method] += 1
            (self._alone if record.alone else self._unfinished).append(record.key)

    def _enter(self, record: Record) -> None:
        pruner = self._pruner(record)
        if pruner is not None:
            pruner.on_trial_add(None, _stand_in(record))

    def _pruner(self, record: Record) -> AsyncHyperBandScheduler | None:
        return self.pruners.get(record.method) if record.stage == "search" else None

    def _missing(self, plan: StagePlan) -> int:
        """Trials of a plan that can be begun now."""
        free = plan.count if plan.free is None else min(plan.free, plan.count)
        return free - self.ledger.count(plan.stage, plan.method)

    def _left(self, keys: deque[str]) -> Record | None:
        """The first of the trials that were left, if there is one."""
        return self.ledger.get(keys.popleft()) if keys else None

    def _begin(self) -> Record | None:
        """Begin the next trial of the method furthest from its count, so that methods advance together.

        A stage's trials begin when those of the stage before that can begin have begun.
        """
        while due := [plan for plan in self.plans if self._missing(plan) > 0]:
            plan = max((plan for plan in due if plan.stage == due[0].stage), key=self._missing)
            record = self._draw(plan)
            if record is not None:
                self._enter(record)
                self._open[plan.stage, plan.method] += 1
                return record
            self._exhaust(plan.method)
        return None

    def _exhaust(self, method: str) -> None:
        """Note that a search space holds no more, so that fewer trials than asked for are all of them."""
        settings = self.ledger.settings
        exhausted = tuple(sorted({*settings.exhausted, method}))
        self.ledger.save_settings(replace(settings, exhausted=exhausted))
        self._plan_anew()

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
