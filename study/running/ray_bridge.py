"""Ray executes, the ledger remembers: the searcher and scheduler that put the ledger between them.

The searcher hands Ray the trials that the ledger says are due; the scheduler writes every result into the
ledger before Ray acts on it. Neither keeps anything that is not in the ledger, so both are built anew at
every start.
"""

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from study.records.ledger import OBJECTIVE, Ending, Ledger, Proposal, Record, trial_key

REDUCTION_FACTOR = 3
METRICS = "metrics/"  # how Ray flattens what a trial reports under "metrics"
ENVIRONMENT = r"StorageInternalError|OSError|FileNotFoundError|PermissionError|InputError"
"""Errors of what surrounds a study: they end it until the cause is gone, and cost no trial its place."""
_DRAWS = 100  # proposals that may repeat an earlier trial before a search space counts as exhausted


@dataclass(frozen=True)
class Plan:
    """What a stage asks of one method: `count` trials, of which `propose(n, draw)` names the n-th."""

    stage: str
    method: str
    count: int
    propose: Callable[[int, int], Proposal | None]


class StageRun:
    """The trials of one stage, or of stages that run together, on their way through Ray.

    Args:
        ledger: Where trials are born, recorded and closed.
        plans: One per stage and method; the stages in the order in which they begin.
        pruners: An ASHA scheduler per method; methods without one run every trial to its end.
        ray_config: Turns a record into what the trial process needs.
        on_change: Called with a record whenever it changed.

    """

    def __init__(
        self,
        ledger: Ledger,
        plans: Sequence[Plan],
        pruners: Mapping[str, AsyncHyperBandScheduler],
        ray_config: Callable[[Record], dict[str, Any]],
        on_change: Callable[[Record], None],
    ) -> None:
        self.ledger = ledger
        self.plans = plans
        self.pruners = pruners
        self.ray_config = ray_config
        self.on_change = on_change
        self.assigned: dict[str, str] = {}  # Ray's trial id -> key
        self.halted = ""  # why the stage cannot go on, if it cannot
        self.exhausted: set[str] = set()  # methods whose search space holds no further configuration
        self._refill()

    @property
    def due(self) -> bool:
        """Whether anything is left to run."""
        return any(self._missing(plan) > 0 for plan in self.plans) or bool(self._orphans())

    def next(self, trial_id: str) -> dict[str, Any] | None:
        """Give Ray's trial a configuration: an unfinished trial first, then a new one, at last None."""
        record = None if self.halted else next(iter(self._orphans()), None) or self._bear()
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

    # -- inside --------------------------------------------------------------------------------------------

    def _advance(self, record: Record, epoch: int, result: Mapping[str, Any]) -> str:
        metrics = {name[len(METRICS) :]: v for name, v in result.items() if name.startswith(METRICS)}
        ending = record.ending or self._decide(record, epoch, result, metrics)
        if ending and not record.ending:
            self.ledger.set_ending(record.key, ending)
        self.ledger.add_epoch(record.key, epoch, metrics)
        if ending and ending.epoch <= epoch:
            self._close(record.key)
            return str(TrialScheduler.STOP)
        self.on_change(self.ledger.get(record.key))
        return str(TrialScheduler.CONTINUE)

    def _decide(
        self, record: Record, epoch: int, result: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> Ending | None:
        decision = self._prune(record, epoch, metrics[OBJECTIVE])
        if result.get("status"):
            return Ending(result["status"], epoch, result.get("reason"), time.time())
        if decision == TrialScheduler.STOP:
            return Ending("pruned", epoch, f"below the best third at epoch {epoch}", time.time())
        return None

    def _prune(self, record: Record, epoch: int, value: float) -> str:
        pruner = self.pruners.get(record.method)
        if pruner is None:
            return str(TrialScheduler.CONTINUE)
        result = {"epoch": epoch, OBJECTIVE: value}
        return str(pruner.on_trial_result(None, _stand_in(record), result))

    def _refill(self) -> None:
        """Give ASHA's rungs every value it has seen, under the ledger's own trial numbers."""
        for plan in self.plans:
            for record in self.ledger.records(plan.stage, plan.method):
                self._enter(record)
                for epoch, metrics in record.epochs.items():
                    self._prune(record, epoch, metrics[OBJECTIVE])

    def _enter(self, record: Record) -> None:
        if record.method in self.pruners:
            self.pruners[record.method].on_trial_add(None, _stand_in(record))

    def _end(self, record: Record, ending: Ending) -> None:
        if not record.ending:
            self.ledger.set_ending(record.key, ending)
        self._close(record.key)

    def _close(self, key: str) -> None:
        self.ledger.tell(key)
        self.on_change(self.ledger.get(key))

    def _orphans(self) -> list[Record]:
        """Trials that are neither finished nor in Ray's hands."""
        taken = set(self.assigned.values())
        records = [r for plan in self.plans for r in self.ledger.records(plan.stage, plan.method)]
        return [record for record in records if not record.finished and record.key not in taken]

    def _missing(self, plan: Plan) -> int:
        if plan.method in self.exhausted:
            return 0
        return plan.count - len(self.ledger.records(plan.stage, plan.method))

    def _bear(self) -> Record | None:
        """Bear the next trial of the method furthest from its count, so that methods advance together.

        A stage's trials begin when all of the stage before have begun: no place stands empty between them.
        """
        due = [plan for plan in self.plans if self._missing(plan) > 0]
        if not due:
            return None
        plan = max((plan for plan in due if plan.stage == due[0].stage), key=self._missing)
        record = self._draw(plan)
        if record is None:
            self.exhausted.add(plan.method)
            return self._bear()
        self._enter(record)
        return record

    def _draw(self, plan: Plan) -> Record | None:
        """Draw until a configuration is new; one that was tried before is answered by the ledger already."""
        number = len(self.ledger.records(plan.stage, plan.method))
        for draw in range(_DRAWS):
            proposal = plan.propose(number, draw)
            if proposal is None:
                return None
            key = trial_key(plan.stage, plan.method, proposal, self.ledger.digest)
            if key not in self.ledger:
                return self.ledger.add(plan.stage, plan.method, key, proposal)
        return None


class LedgerSearcher(Searcher):  # type: ignore[misc]
    """Hands out what the ledger says is due."""

    def __init__(self, run: StageRun) -> None:
        super().__init__()
        self.run = run

    def suggest(self, trial_id: str) -> Any:
        """Return the configuration of the next trial, or FINISHED."""
        config = self.run.next(trial_id)
        return Searcher.FINISHED if config is None else config

    def set_search_properties(self, metric: str | None, mode: str | None, config: Any, **spec: Any) -> bool:
        """Accept any; the ledger knows the objective."""
        return True

    def on_trial_result(self, trial_id: str, result: Any) -> None:
        """Do nothing: the scheduler sees every result first and has recorded it."""

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        """Do nothing: the scheduler has closed the trial."""

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: there is no state but the ledger's."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: there is no state but the ledger's."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Searcher, ())  # Ray pickles its experiment; nobody reads it


class LedgerScheduler(FIFOScheduler):  # type: ignore[misc]
    """Records every result before Ray acts on it."""

    def __init__(self, run: StageRun) -> None:
        super().__init__()
        self.run = run

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Record an epoch; ASHA decides inside."""
        return self.run.result(trial.trial_id, result)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Record the last epoch: a result marked done comes only here."""
        self.run.result(trial.trial_id, result)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Close a trial that failed more often than allowed; Ray tells of failures that it retries, too."""
        if not trial.should_recover():
            self.run.fail(trial.trial_id, _last_error(trial))

    def __reduce__(self) -> tuple[Any, ...]:
        return (FIFOScheduler, ())


def _last_error(trial: Any) -> str:
    """The last line of what Ray noted about a failed trial, beside its other files on this machine."""
    noted = Path(trial.error_file) if trial.error_file else None
    lines = noted.read_text().strip().splitlines() if noted and noted.exists() else []
    return str(lines[-1]) if lines else "the trial process died"


def asha(epochs: int, grace_period: int) -> AsyncHyperBandScheduler:
    """Asynchronous successive halving over epochs; one bracket, since more draw from a global generator."""
    return AsyncHyperBandScheduler(
        time_attr="epoch",
        metric=OBJECTIVE,
        mode="max",
        max_t=epochs,
        grace_period=min(grace_period, epochs),
        reduction_factor=REDUCTION_FACTOR,
    )


def distributions(space: Mapping[str, Any]) -> dict[str, optuna.distributions.BaseDistribution]:
    """Optuna's distributions of a dict of Ray Tune domains."""
    return dict(OptunaSearch.convert_search_space(dict(space)))


def sample(
    trials: Sequence[optuna.trial.FrozenTrial],
    space: Mapping[str, optuna.distributions.BaseDistribution],
    *seed: int | str,
) -> dict[str, Any]:
    """Draw a configuration by TPE from an in-memory copy of the trials.

    A sampler seeded for each draw makes the draw a function of the ledger: a study that was stopped draws
    what it would have drawn without the stop.
    """
    digest = hashlib.sha256(repr(seed).encode()).digest()
    sampler = optuna.samplers.TPESampler(seed=int.from_bytes(digest[:4], "big"))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(trials)
    return dict(study.ask(dict(space)).params)


def tuner(
    trainable: type,
    run: StageRun,
    *,
    callbacks: list[tune.Callback],
    resources: Mapping[str, float],
    concurrent: int,
    storage: Path,
) -> tune.Tuner:
    """Build the Tuner of a wave of stages, under a throw-away name: Ray's own snapshots are never read."""
    return tune.Tuner(
        tune.with_resources(trainable, dict(resources)),
        tune_config=tune.TuneConfig(
            search_alg=LedgerSearcher(run),
            scheduler=LedgerScheduler(run),
            num_samples=-1,
            max_concurrent_trials=concurrent,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=storage.name,
            storage_path=str(storage.parent),
            failure_config=tune.FailureConfig(max_failures=2),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # trials keep their own
            callbacks=callbacks,
            verbose=0,
        ),
    )


def _stand_in(record: Record) -> Any:
    """A trial as ASHA needs it: known by the ledger's number, which outlives any Ray run."""
    return SimpleNamespace(trial_id=str(record.number))
