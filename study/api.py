"""Studies from Python: run one of your own, continue it, make its report again, read its trials.

The commands `study.run` and `study.report` do the same from these functions. `store_from_arrays` and
`store_from_samples` make the store of data that are in memory or come sample by sample.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import torch
from rich.console import Console

from study.methods import STUDY_METHODS, StudyMethod
from study.records.addresses import shown
from study.records.ledger import Ledger
from study.records.ledger_copy import copied
from study.records.mlflow_checks import require_tracking
from study.records.mlflow_target import Target, tracking_uri
from study.records.study_folder import LEDGER, locked, open_ledger, read_ledger, set_aside
from study.request import StudyRequest, resolved
from study.running import local_ray
from study.running.cluster import require_unstarted
from study.running.driver import Job, carry_out
from study.running.gpu_sharing import require_mps
from study.running.staging import staged_data
from study.running.versions import versions
from study.settings import Numerics, Resources, StudySettings
from study.studies import Study
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.datasets import open_store
from trainables.multimodal.data.own_arrays import store_from_arrays as store_from_arrays
from trainables.multimodal.data.own_samples import store_from_samples as store_from_samples
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.own_parts import require_unchanged
from trainables.multimodal.runtime import resolve

if TYPE_CHECKING:
    import pandas as pd

    from study.reporting.write_report import Report
    from study.reporting.write_several import SeveralReport


@dataclass(frozen=True)
class Where:
    """Where a study runs, and where it is recorded and shown."""

    resources: Resources
    tracking_uri: str | None = None
    """MLflow's; by default MLFLOW_TRACKING_URI, or a database below the results."""
    storage: str | None = None
    """URL of a database or a journal that holds the ledger; by default a database in the study's folder."""


@dataclass(frozen=True)
class StudyOutcome:
    """How a study ended and where its results are."""

    code: int
    """0 complete, 1 a trial failed, 2 a lasting cause, 3 interrupted: run it again, 4 MLflow lacks a part."""
    folder: Path

    @property
    def summary(self) -> dict[str, Any]:
        """All results, as summary.json has them; InputError before the first report."""
        path = self.folder / "summary.json"
        if not path.exists():
            raise InputError(f"{path} is not there yet: the study has written no report")
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return summary


def run_study(
    study: Study,
    *,
    data: str | Path,
    results: str | Path = "results",
    name: str = "study",
    request: StudyRequest | None = None,
    where: Where | None = None,
) -> StudyOutcome:
    """Carry a study out, or continue it where it was; its folder is `results`/`name`.

    Args:
        study: Data set, methods with their table, budget and sweeps.
        data: A prepared store.
        results: Everything is written below it.
        name: The study's name in the ledger and in MLflow.
        request: Budget, stages, protocol and fixed settings, where they differ from the study's.
        where: Resources, MLflow and ledger; by default this machine and files below `results`.

    Raises:
        InputError: Something makes no sense, said in one sentence before any work, or another driver
            works on the study.

    """
    store = open_study_store(study, name, Path(data))
    folder = Path(results).resolve() / name
    settings = resolved(name, study, store, request or StudyRequest())
    return start(folder, settings, store, where or Where(default_resources()))


def resume(
    folder: str | Path,
    *,
    data: str | Path,
    table: Mapping[str, StudyMethod] = STUDY_METHODS,
    where: Where | None = None,
) -> StudyOutcome:
    """Continue the study in `folder` with the settings that its ledger holds.

    Raises InputError: there is no such study, or `data` is another store than it was begun with.
    """
    folder, store = Path(folder).resolve(), open_store(Path(data).resolve())
    with reading(folder, where.storage if where else None, table) as ledger:
        settings = ledger.settings
    if store.digest != settings.data.digest:
        raise InputError(
            f"{data} holds other data than {folder.name} was begun with "
            f"(digest {store.digest[:12]} instead of {settings.data.digest[:12]})"
        )
    return start(folder, settings, store, where or Where(default_resources()))


def report(
    folder: str | Path, *, storage: str | None = None, table: Mapping[str, StudyMethod] = STUDY_METHODS
) -> "Report":
    """Write tables, figures and page of the study in `folder` again, from its ledger alone.

    Raises InputError: there is no such study, or its driver is at work, which owns the ledger.
    """
    from study.reporting import write_report  # drawing takes seconds to import

    folder = Path(folder).resolve()
    with reading(folder, storage, table) as ledger:
        return write_report.write(folder, ledger.settings, ledger.records())


def compare(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    storage: str | None = None,
    table: Mapping[str, StudyMethod] = STUDY_METHODS,
) -> "SeveralReport":
    """Write one page on several studies into `out`, from their ledgers alone.

    Raises InputError: a study is not there or named twice, the driver of one is at work, they cannot stand in
    one table, or `out` is the folder of a study.
    """
    from study.analysis.results import analyse
    from study.analysis.several_studies import beside
    from study.reporting import write_several

    out, results = Path(out).resolve(), {}
    if (out / LEDGER).exists():
        raise InputError(f"{out} is the folder of a study: choose another for the comparison.")
    for name, folder in _named([Path(folder).resolve() for folder in folders]).items():
        with reading(folder, storage, table) as ledger:
            results[name] = analyse(ledger.settings, ledger.records())
    several = beside(results)
    with locked(out):
        return write_several.write(out, several)


def trials(folder: str | Path, *, storage: str | None = None) -> "pd.DataFrame":
    """All trials of the study in `folder`, a row each: stage, method, seed, status, value, settings, test.

    Raises InputError: there is no such study, or its driver is at work, which owns the ledger.
    """
    from study.analysis import trial_tables

    with reading(Path(folder).resolve(), storage) as ledger:
        return trial_tables.trials(ledger.records())


def start(
    folder: Path, settings: StudySettings, store: FeatureStore, where: Where, *, fresh: bool = False
) -> StudyOutcome:
    """Run what is missing of the study with these settings; `fresh` keeps an old one as <folder>.<n>.

    Raises InputError: the machine cannot hold a trial, Ray runs in this process already, MLflow does not
    answer, the settings or a user's own code differ from what the study was begun with, or another driver
    works on it.
    """
    require_unstarted()
    require_room(where.resources)
    require_unchanged(settings.own_parts)
    placed = replace(
        settings,
        resources=where.resources,
        numerics=numerics(where.resources),
        made_with={**settings.made_with, **versions()},
    )
    uri = tracking_uri(where.tracking_uri, folder.parent)
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or folder.name
    job = Job(
        folder,
        store.path.resolve(),
        where.resources,
        Target(uri, experiment, folder.parent / "mlartifacts"),
        staged_data(where.resources, store),
    )
    require_tracking(job.target)
    if fresh:
        set_aside(folder, where.storage)
    with locked(folder):
        ledger = open_ledger(folder, placed, where.storage)
        try:
            with copied(None if where.storage else folder / LEDGER):
                return StudyOutcome(carry_out(job, ledger, Console(markup=False, highlight=False)), folder)
        finally:
            ledger.close()


def open_study_store(study: Study, name: str, path: Path) -> FeatureStore:
    """The store at `path`; InputError if it is not one of the study's data set."""
    store = open_store(path.resolve())
    if study.dataset not in (store.name, "features"):
        raise InputError(f"{path} holds {store.name}, and study {name} needs {study.dataset}.")
    return store


def default_resources() -> Resources:
    """One CPU a trial, and one GPU where there is one."""
    return Resources(cpus_per_trial=1.0, gpus_per_trial=float(torch.cuda.is_available()))


def require_room(resources: Resources) -> None:
    """Refuse a trial that holds nothing, or more than this machine has; a cluster is asked once joined."""
    if resources.cpus_per_trial + resources.gpus_per_trial == 0:
        raise InputError("--cpus-per-trial and --gpus-per-trial are both 0: a trial must hold something.")
    require_mps(resources)
    if resources.address is not None:
        _require_plain(resources.address)
        return
    local_ray.require_place()
    resolve(TrainerConfig(data="not opened", epochs=1, device=resources.device))
    have = {"cpus": joblib.cpu_count(), "gpus": torch.cuda.device_count()}
    for kind, wanted in (("cpus", resources.cpus_per_trial), ("gpus", resources.gpus_per_trial)):
        if wanted > have[kind]:
            raise InputError(f"--{kind}-per-trial is {wanted:g}, and this machine has {have[kind]}.")


def _require_plain(address: str) -> None:
    """Refuse the address of a cluster that holds a login: Ray takes none there, and the ledger keeps it."""
    if shown(address) != address:
        raise InputError(
            f"--address takes HOST:PORT or ray://HOST:PORT alone, got {shown(address)}: Ray reads the "
            "token of a cluster from RAY_AUTH_TOKEN."
        )


def numerics(resources: Resources) -> Numerics:
    """What resuming bit by bit needs to stay as it was; on a cluster the device is each node's own matter."""
    device = resources.device
    if device == "auto" and resources.address is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Numerics(device.split(":")[0], max(1, int(resources.cpus_per_trial)))


@contextmanager
def reading(
    folder: Path, storage: str | None, table: Mapping[str, StudyMethod] = STUDY_METHODS
) -> Iterator[Ledger]:
    """The ledger of a study that exists, held while it is read; one that is not there is never made.

    Raises InputError: there is no such study, or its driver is at work, which owns the ledger.
    """
    if storage is None and not folder.is_dir():
        raise InputError(f"there is no study at {folder}: `python -m study.run` makes one.")
    with locked(folder):
        ledger = read_ledger(folder, storage, table)
        try:
            yield ledger
        finally:
            ledger.close()


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by their own names or, where two are called the same, by their paths below what they share."""
    if twice := [folder.name for folder in folders if folders.count(folder) > 1]:
        raise InputError(f"{twice[0]} is named twice: a comparison needs other studies.")
    if len({folder.name for folder in folders}) == len(folders):
        return {folder.name: folder for folder in folders}
    shared = os.path.commonpath(folders)
    return {str(folder.relative_to(shared)): folder for folder in folders}
