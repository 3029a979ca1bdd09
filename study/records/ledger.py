"""The durable record of every trial.

One Optuna study per <study>/<stage>/<method> holds the trials. The first of them also holds the settings and
the ids of MLflow's runs, as attributes; in ledgers of earlier versions a study named <study> does. Everything
is written here before the study acts on it, and nothing is read back from Ray. A driver that is killed at
any moment starts again from this record alone. The driver is the only writer (a lease keeps a second one
out), so a copy of the trials in memory answers every question. Questions about one (stage, method) cost
no more in a study of many trials.
"""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.methods import STUDY_METHODS, StudyMethod
from study.records.addresses import shown
from study.records.driver_lease import Lease
from study.records.ledger_storage import open_storage
from study.records.trial_record import WORST_OBJECTIVE, Ending, Proposal, Record, objective
from study.settings import StudySettings
from trainables.multimodal.errors import InputError

_SETTINGS = "settings"  # attribute that holds the settings
_MLFLOW = "mlflow/"  # prefix of the attributes that hold run ids
_STATES = {"completed": TrialState.COMPLETE, "diverged": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


class Ledger:
    """All trials of one study.

    Args:
        url: Address of a database or a journal, e.g. ``sqlite:////results/cremad_dr/ledger.db``.
        study: The study's name, the prefix of all Optuna studies it owns.
        folder: The driver's folder, if the ledger may have other drivers: they are kept out until `close`.
        table: The methods that the study's settings name.

    Raises:
        InputError: The ledger cannot be opened, another driver works on the study, or its settings are not
            those of a study.

    """

    def __init__(
        self,
        url: str,
        study: str,
        folder: Path | None = None,
        table: Mapping[str, StudyMethod] = STUDY_METHODS,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.url = url
        self.study = study
        self._opened = open_storage(url)
        self.storage = self._opened.storage
        self._lease: Lease | None = None
        self._lock = threading.RLock()
        self._ids: dict[tuple[str, ...], int] = {}  # (stage, method), or () -> Optuna's study id
        self._holder: tuple[str, ...] | None = None  # the one of them that holds what all trials share
        self._trial_ids: dict[str, int] = {}  # key -> Optuna's trial id
        self._frozen: dict[tuple[str, str], list[FrozenTrial]] = defaultdict(list)
        self._records: dict[str, Record] = {}  # key -> trial, in the order they began
        self._keys: dict[tuple[str, str], list[str]] = defaultdict(list)  # by number
        self._table = table
        self._plain: dict[str, Any] = {}
        self._settings: StudySettings | None = None
        try:
            if folder:
                self._lease = Lease(self._opened.drivers(), study, folder)
            self._load()
        except InputError:
            self.close()
            raise

    # -- settings ------------------------------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether the ledger holds a study's settings; they are written before anything else."""
        return self._settings is not None

    @property
    def settings(self) -> StudySettings:
        """What was asked for when the study began; LookupError for a study that was never begun."""
        if self._settings is None:
            raise LookupError(f"{shown(self.url)} holds no study named {self.study}")
        return self._settings

    @property
    def plain_settings(self) -> dict[str, Any]:
        """The settings as they are stored, by whatever version; empty before a study begins."""
        return dict(self._plain)

    @property
    def digest(self) -> str:
        """The digest of the data that all trials share."""
        return self.settings.data.digest

    def save_settings(self, settings: StudySettings) -> None:
        """Write all settings in one transaction."""
        plain = settings.to_json()
        with self._writing():
            self._holder = self._holder or settings.begins_with
            self._share(_SETTINGS, plain)
            self._plain, self._settings = plain, replace(settings, table=self._table)

    # -- reading -------------------------------------------------------------------------------------------

    def records(self, stage: str | None = None, method: str | None = None) -> list[Record]:
        """Trials in the order they began, of one stage or method if named."""
        with self._lock:
            if stage is not None and method is not None:
                return [self._records[key] for key in self._keys.get((stage, method), [])]
            records = list(self._records.values())
        return [r for r in records if stage in (None, r.stage) and method in (None, r.method)]

    def count(self, stage: str, method: str) -> int:
        """How many trials of a method a stage has begun."""
        return len(self._keys.get((stage, method), []))

    def get(self, key: str) -> Record:
        """Return the trial of this key."""
        return self._records[key]

    def frozen(self, stage: str, method: str, start: int = 0) -> list[FrozenTrial]:
        """Trials from number `start` on as Optuna's own, which change while they run; for a sampler."""
        with self._lock:
            return self._frozen.get((stage, method), [])[start:]

    def __contains__(self, key: str) -> bool:
        return key in self._records

    # -- writing -------------------------------------------------------------------------------------------

    def add(self, stage: str, method: str, key: str, proposal: Proposal) -> Record:
        """Begin a trial in a single write, so that a kill leaves either all of it or nothing."""
        attributes = {
            "key": key,
            "seed": proposal.seed,
            "status": "running",
            "protocol": proposal.protocol,
            "config": proposal.config,
            "started": time.time(),
        }
        trial = create_trial(
            state=TrialState.RUNNING,
            params=proposal.params,
            distributions=proposal.distributions,
            user_attrs=attributes,
        )
        with self._writing():
            study_id = self._study_id(stage, method)
            self._trial_ids[key] = self.storage.create_new_trial(study_id, template_trial=trial)
            trial.number = self.count(stage, method)
            self._records[key] = _record(stage, method, trial)
            trial.user_attrs = {}  # samplers copy trials; the record has it all
            self._frozen[stage, method].append(trial)
            self._keys[stage, method].append(key)
            return self._records[key]

    def set_ending(self, key: str, ending: Ending) -> None:
        """Decide how a trial ends; comes before the value that the decision rests on."""
        with self._writing():
            self._attribute(key, "ending", ending.__dict__)
            self._records[key] = replace(self._records[key], ending=ending)

    def add_machine(self, key: str, machine: str) -> None:
        """Note the type of a machine that a trial runs on, each type once."""
        with self._writing():
            record = self._records[key]
            if machine not in record.machines:
                machines = (*record.machines, machine)
                self._attribute(key, "machines", machines)
                self._records[key] = replace(record, machines=machines)

    def add_epoch(self, key: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write all metrics of an epoch, and the running best as the value pruning works on, if it counts."""
        now = time.time()
        with self._writing():
            record = self._records[key]
            self._attribute(key, f"epoch/{epoch}", {"time": now, "metrics": dict(metrics)})
            if record.counts(epoch):
                self._report(record, epoch, metrics)
            record.times[epoch] = now  # first: the copy to MLflow reads the time of each epoch that it sees
            record.epochs[epoch] = dict(metrics)

    def set_alone(self, key: str) -> None:
        """Decide that a trial goes on with a GPU of its own."""
        with self._writing():
            self._attribute(key, "alone", True)
            self._records[key] = replace(self._records[key], alone=True)

    def tell(self, key: str) -> None:
        """Close a trial as its ending says.

        To Optuna, which never opens a trial again, one that failed is still running: `reopen` may follow.
        """
        with self._writing():
            record = self._records[key]
            if record.ending is None:
                raise RuntimeError(f"trial {key} is told without a decision")
            self._attribute(key, "status", record.ending.status)
            if record.ending.status in _STATES:
                self._tell_optuna(record, record.ending)
            self._records[key] = _ended(record)

    def reopen(self, key: str) -> bool:
        """Let a trial that failed go on from its newest checkpoint; False for one that cannot."""
        with self._writing():
            record = self._records[key]
            trial = self._frozen[record.stage, record.method][record.number]
            if record.status != "failed" or trial.state.is_finished():  # by an earlier version
                return False
            self._attribute(key, "ending", None)
            self._attribute(key, "status", "running")
            self._records[key] = replace(record, status="running", reason=None, ended=None, ending=None)
            return True

    def set_mlflow_run(self, key: str, run: str) -> None:
        """Keep the id of the trial's run in MLflow; not in the trial, which may be closed already."""
        with self._writing():
            if self._records[key].mlflow_run != run:
                self._share(_MLFLOW + key, run)
                self._records[key] = replace(self._records[key], mlflow_run=run)

    def close(self) -> None:
        """Let the next driver in and give back what is held open."""
        if self._lease:
            self._lease.release()
        self._opened.close()

    # -- inside --------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            if self._lease:
                self._lease.require()
            yield

    def _share(self, name: str, value: Any) -> None:
        if self._holder is None:
            raise LookupError(f"{shown(self.url)} holds no study named {self.study}")
        self.storage.set_study_user_attr(self._study_id(*self._holder), name, value)

    def _attribute(self, key: str, name: str, value: Any) -> None:
        self.storage.set_trial_user_attr(self._trial_ids[key], name, value)

    def _tell_optuna(self, record: Record, ending: Ending) -> None:
        state, value = _STATES[ending.status], record.value
        if ending.status == "diverged":
            value = min(WORST_OBJECTIVE, value or WORST_OBJECTIVE)  # an error has reported less
        values = None if value is None else [value]
        self.storage.set_trial_state_values(self._trial_ids[record.key], state, values)
        trial = self._frozen[record.stage, record.method][record.number]
        trial.values, trial.state = values, state
        trial.datetime_complete = datetime.fromtimestamp(ending.time)

    def _report(self, record: Record, epoch: int, metrics: Mapping[str, float]) -> None:
        known = objective(metrics)
        value = WORST_OBJECTIVE if known is None else known
        self.storage.set_trial_intermediate_value(self._trial_ids[record.key], epoch, value)
        self._frozen[(record.stage, record.method)][record.number].intermediate_values[epoch] = value

    def _study_id(self, *parts: str) -> int:
        """Optuna's id of <study>/<stage>/<method>; created on first use."""
        if parts not in self._ids:
            name = "/".join((self.study, *parts))
            self._ids[parts] = self.storage.create_new_study([StudyDirection.MAXIMIZE], name)
        return self._ids[parts]

    def _load(self) -> None:
        shared: dict[str, Any] = {}
        for study in self.storage.get_all_studies():
            name, *rest = study.study_name.split("/")
            if name == self.study:
                self._ids[tuple(rest)] = study._study_id
                if _SETTINGS in study.user_attrs:
                    self._holder, shared = tuple(rest), study.user_attrs
        if shared:
            self._plain = shared[_SETTINGS]
            self._settings = StudySettings.from_json(self._plain, self._table)
        for parts, study_id in self._ids.items():
            if parts:
                trials = self._frozen[parts[0], parts[1]] = self.storage.get_all_trials(study_id)
                self._keys[parts[0], parts[1]] = [trial.user_attrs["key"] for trial in trials]
        begun = [(pair, trial) for pair, trials in self._frozen.items() for trial in trials]
        for (stage, method), trial in sorted(begun, key=lambda item: item[1].user_attrs["started"]):
            record = _record(stage, method, trial)
            trial.user_attrs = {}  # samplers copy trials at every draw; the record has it all
            self._restore(replace(record, mlflow_run=shared.get(_MLFLOW + record.key)), trial)

    def _restore(self, record: Record, trial: FrozenTrial) -> None:
        """Take up a trial of an earlier start and finish what a kill left undone between two writes."""
        self._records[record.key] = record
        self._trial_ids[record.key] = trial._trial_id
        if record.finished:
            return
        for epoch in filter(record.counts, sorted(set(record.epochs) - set(trial.intermediate_values))):
            self._report(record, epoch, record.epochs[epoch])
        if record.ending and record.ending.epoch in record.epochs:
            self.tell(record.key)


def _record(stage: str, method: str, trial: FrozenTrial) -> Record:
    attributes = trial.user_attrs
    epochs = {int(k.split("/")[1]): v for k, v in attributes.items() if k.startswith("epoch/")}
    ending = Ending(**attributes["ending"]) if attributes.get("ending") else None
    record = Record(
        stage=stage,
        method=method,
        number=trial.number,
        key=attributes["key"],
        seed=attributes["seed"],
        protocol=attributes["protocol"],
        config=attributes["config"],
        status="running",
        epochs={n: epochs[n]["metrics"] for n in sorted(epochs)},
        times={n: epochs[n]["time"] for n in sorted(epochs)},
        started=attributes["started"],
        machines=tuple(attributes.get("machines", ())),
        ending=ending,
        alone=attributes.get("alone", False),
    )
    failed = ending is not None and ending.status == "failed"
    return _ended(record) if failed or trial.state.is_finished() else record


def _ended(record: Record) -> Record:
    ending = record.ending
    if ending is None:
        return replace(record, status="failed", reason="ended outside this study")
    return replace(record, status=ending.status, reason=ending.reason, ended=ending.time)
