"""Ray executes, the ledger remembers: the searcher and scheduler that put the ledger between them.

The searcher hands Ray the trials that the ledger says are due; the scheduler has every result recorded before
Ray acts on it. Both pass on to `StageRun` and keep nothing of their own, so they are built anew at every
start, and Ray's own snapshots are never read.
"""

import pickle
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from ray import tune
from ray.exceptions import RayActorError, RayTaskError
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from study.running.signals import catch_signals
from study.running.stage_run import StageRun

UNLIMITED: Final = -1
"""Failures that Ray allows a trial: `StageRun` decides which one was the last."""


class LedgerSearcher(Searcher):  # type: ignore[misc]
    """Hands out what the ledger says is due."""

    def __init__(self, run: StageRun) -> None:
        super().__init__()
        self.run = run

    def suggest(self, trial_id: str) -> Any:
        """The configuration of the next trial, None while running ones may ask for more, or FINISHED."""
        config = self.run.next(trial_id)
        return Searcher.FINISHED if config is None and not self.run.waits else config

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
        decision = self.run.result(trial.trial_id, result)
        self._limit(trial)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Record the last epoch: a result marked done comes only here."""
        self.run.result(trial.trial_id, result)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Close a trial that failed more often than allowed; Ray tells of failures that it retries, too.

        One whose process was lost before it ran Ray drops without a retry: that is handed out anew.
        """
        dropped = trial.status == Trial.PENDING  # one that it retries has been stopped already
        if not trial.should_recover() or (dropped and self.run.is_last_try(trial.trial_id)):
            self.run.fail(trial.trial_id, _last_error(trial))
            return
        self.run.count_failure(trial.trial_id, lost=_lost(trial))
        self._limit(trial)
        if dropped:
            self.run.put_back(trial.trial_id)

    def _limit(self, trial: Any) -> None:
        """Let Ray give the trial up at its next failure, or at none."""
        trial.max_failures = 0 if self.run.is_last_try(trial.trial_id) else UNLIMITED

    def __reduce__(self) -> tuple[Any, ...]:
        return (FIFOScheduler, ())


class OwnSignals(tune.Callback):  # type: ignore[misc]
    """Takes back what Tune has just taken: SIGUSR1, at which it would end as if all trials were done."""

    def setup(self, **info: Any) -> None:
        """Begin of the experiment."""
        catch_signals()


def tuner(
    trainable: type,
    run: StageRun,
    *,
    callbacks: list[tune.Callback],
    concurrent: int,
    storage: Path,
) -> tune.Tuner:
    """Build the Tuner of a study, under a throw-away name; a trial's config says what it holds."""
    return tune.Tuner(
        tune.with_resources(trainable, itemgetter("held")),
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
            failure_config=tune.FailureConfig(max_failures=UNLIMITED),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # trials keep their own
            callbacks=[OwnSignals(), *callbacks],
            verbose=0,
        ),
    )


def _lost(trial: Any) -> bool:
    """Whether a trial's process, its node or the way there was lost, and nothing of the trial's own failed.

    Ray keeps errors of processes alone. One that cannot be read was the trial's: Ray's own always can.
    """
    if not trial.pickled_error_file:
        return True
    try:
        error = pickle.loads(Path(trial.pickled_error_file).read_bytes())  # noqa: S301  (Ray wrote it)
    except (OSError, EOFError, pickle.UnpicklingError, ImportError, AttributeError):
        return False
    cause = error.as_instanceof_cause() if isinstance(error, RayTaskError) else error
    return isinstance(cause, RayActorError)


def _last_error(trial: Any) -> str:
    """The last line of what Ray noted about a failed trial, beside its other files on this machine."""
    noted = Path(trial.error_file) if trial.error_file else None
    lines = noted.read_text().strip().splitlines() if noted and noted.exists() else []
    return str(lines[-1]) if lines else "the trial process died"
