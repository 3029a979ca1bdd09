"""python -m study.run NAME: carry out a named study, or continue it.

The only place that resolves paths and devices. Exit codes: 0 complete, 1 a requested trial failed, 2 bad
input (one sentence, before any work), 3 interrupted: run the same command again.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import torch
from rich.console import Console

from study.records.mlflow_tracking import Target, check_reachable
from study.records.study_folder import locked, open_ledger, set_aside
from study.running.cluster import Resources, slots
from study.running.driver import Job, carry_out
from study.running.forecast import describe
from study.running.signals import catch_signals
from study.running.stages import STAGES
from study.settings import Wish, build, parse_fixed
from study.studies import SAMPLE, STUDIES, Study
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.datasets import open_store
from trainables.multimodal.data.sample.generate import sample_store
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.runtime import resolve

BAD_INPUT, INTERRUPTED = 2, 3


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; --help lists the options.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    console = Console(markup=False, highlight=False)
    catch_signals()
    try:
        options = _parser().parse_args(arguments)
        if options.list:
            console.print("\n".join(f"{name}  ({study.dataset})" for name, study in STUDIES.items()))
            return 0
        return _run(options, console)
    except InputError as error:
        print(f"study.run: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as error:  # Interrupted, or its parent where Ray was waiting
        name = str(error) or "a signal"
        print(f"study.run: stopped by {name}; run the same command again to continue.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> _Parser:
    parser = _Parser(prog="python -m study.run", description=__doc__)
    parser.add_argument("name", nargs="?", help="a study; --list names them")
    parser.add_argument("--data", type=Path, help="a prepared store, default ./data/<dataset>")
    parser.add_argument(
        "--sample", action="store_true", help="run on the generated sample, whatever is on disk"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="everything is written below it"
    )
    parser.add_argument("--tracking-uri", help="MLflow, default a database below --results")
    parser.add_argument(
        "--storage", help="Optuna's URL of the ledger, default a database in the study's folder"
    )
    parser.add_argument("--trials", type=int, help="search trials of each method")
    parser.add_argument("--seeds", type=int, help="fresh seeds of confirm and of sensitivity")
    parser.add_argument("--epochs", type=int, help="epochs of a full run")
    parser.add_argument("--stages", type=_stages, default=STAGES, help=f"of {','.join(STAGES)},report")
    parser.add_argument("--protocol", choices=("clean", "paper", "both"), default="clean")
    parser.add_argument("--split", help="split policy of the store")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="fix a setting")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--cpus-per-trial", type=float, default=1.0)
    parser.add_argument("--gpus-per-trial", type=float, help="a share lets several trials use one GPU")
    parser.add_argument("--max-concurrent", type=int, help="trials at once, default as many as fit")
    parser.add_argument("--address", help="a running Ray cluster, default one of our own on this machine")
    parser.add_argument("--dry-run", action="store_true", help="show space, rungs, expected time and disk")
    parser.add_argument(
        "--fresh", action="store_true", help="begin anew; the old folder is kept as <study>.<n>"
    )
    parser.add_argument("--list", action="store_true", help="names of studies")
    return parser


def _stages(text: str) -> tuple[str, ...]:
    named = text.split(",")
    unknown = set(named) - {*STAGES, "report"}
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown stage {', '.join(sorted(unknown))}")
    if named == ["report"]:
        raise argparse.ArgumentTypeError("a report by itself is made by python -m study.report")
    return tuple(stage for stage in STAGES if stage in named)


def _run(options: argparse.Namespace, console: Console) -> int:
    if options.name not in STUDIES:
        raise InputError(f"unknown study {options.name or '(none given)'}: studies are {', '.join(STUDIES)}.")
    if options.sample and options.data:
        raise InputError("--sample and --data exclude each other: leave one of them out.")
    results = options.results.resolve()
    study, store = _data(options, results, console)
    name = _folder_name(options.name, study, store)
    settings = build(name, study, store, _wish(options))
    job = _job(options, results / name, store.path.resolve())
    settings["resources"] = asdict(job.resources)
    settings["numerics"] = _numerics(job.resources)
    if options.dry_run:
        console.print(describe(settings, store, slots=_guess_slots(job.resources)), soft_wrap=True)
        return 0
    check_reachable(job.target.uri)
    if options.fresh:
        set_aside(job.folder, options.storage)
    with locked(job.folder):
        ledger = open_ledger(job.folder, settings, options.storage)
        try:
            return carry_out(job, ledger, console)
        finally:
            ledger.close()


def _data(options: argparse.Namespace, results: Path, console: Console) -> tuple[Study, FeatureStore]:
    """The study and its store; studies of CREMA-D fall back on the sample where there are no data."""
    study = STUDIES[options.name]
    path = options.data or Path("data", study.dataset)
    missing = options.data is None and not path.exists()
    if options.sample or (missing and options.name in SAMPLE):
        return _sample(options, results, console)
    if missing:
        raise InputError(
            f"there are no prepared data at {path}: run `python -m study.prepare {study.dataset} "
            "--source DIR` first, or name a prepared store with --data."
        )
    store = open_store(path.resolve())
    if study.dataset not in (store.name, "features"):
        raise InputError(f"{path} holds {store.name}, and study {options.name} needs {study.dataset}.")
    return study, store


def _sample(options: argparse.Namespace, results: Path, console: Console) -> tuple[Study, FeatureStore]:
    if options.name not in SAMPLE:
        raise InputError(
            f"only studies of cremad can run on the sample: give {options.name} a store with --data."
        )
    if not options.sample:
        console.print(f"No data at data/{STUDIES[options.name].dataset}: running on the generated sample.")
    try:
        store = FeatureStore.open(sample_store(results / "sample-data"))
    except OSError as error:
        raise InputError(
            f"{results} cannot be written ({error.strerror}): choose another --results."
        ) from error
    return SAMPLE[options.name], store


def _folder_name(name: str, study: Study, store: FeatureStore) -> str:
    """Results on the sample, and on different stores of features, never share a folder."""
    if store.is_sample:
        return f"{name}-sample"
    return f"{name}-{store.path.resolve().name}" if study.dataset == "features" else name


def _wish(options: argparse.Namespace) -> Wish:
    return Wish(
        trials=options.trials,
        seeds=options.seeds,
        epochs=options.epochs,
        stages=options.stages,
        protocol=options.protocol,
        split=options.split,
        precision=options.precision,
        fixed=parse_fixed(options.set),
    )


def _job(options: argparse.Namespace, folder: Path, store: Path) -> Job:
    resources = Resources(
        cpus_per_trial=_at_least("--cpus-per-trial", options.cpus_per_trial, 0.0),
        gpus_per_trial=_gpus(options),
        max_concurrent=_at_least("--max-concurrent", options.max_concurrent, 1),
        address=options.address,
        device=options.device,
    )
    if resources.cpus_per_trial + resources.gpus_per_trial == 0:
        raise InputError("--cpus-per-trial and --gpus-per-trial are both 0: a trial must hold something.")
    if options.address is None:
        _require_room(resources)
    uri = options.tracking_uri or f"sqlite:///{folder.parent / 'mlflow.db'}"
    return Job(folder, store, resources, Target(uri, folder.name, folder.parent / "mlartifacts"))


def _require_room(resources: Resources) -> None:
    """Refuse a trial that this machine cannot hold; a cluster is asked once Ray is connected."""
    resolve(TrainerConfig(data="not opened", epochs=1, device=resources.device))
    have = {"cpus": os.cpu_count() or 1, "gpus": torch.cuda.device_count()}
    for kind, wanted in (("cpus", resources.cpus_per_trial), ("gpus", resources.gpus_per_trial)):
        if wanted > have[kind]:
            raise InputError(f"--{kind}-per-trial is {wanted:g}, and this machine has {have[kind]}.")


def _numerics(resources: Resources) -> dict[str, Any]:
    """What resuming bit by bit needs to stay as it was; on a cluster the device is each node's own matter."""
    device = resources.device
    if device == "auto" and resources.address is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return {"device": device.split(":")[0], "threads": max(1, int(resources.cpus_per_trial))}


def _gpus(options: argparse.Namespace) -> float:
    """A whole GPU per trial where there is one, unless told otherwise."""
    if options.gpus_per_trial is not None:
        return float(_at_least("--gpus-per-trial", options.gpus_per_trial, 0.0))
    return float(options.device != "cpu" and torch.cuda.is_available())


def _at_least(option: str, value: Any, least: float) -> Any:
    if value is not None and value < least:
        raise InputError(f"{option} must be at least {least:g}, got {value:g}.")
    return value


def _guess_slots(resources: Resources) -> int:
    """Trials that fit on this machine at once; a cluster is not asked before there is work."""
    return slots(resources, {"CPU": os.cpu_count() or 1, "GPU": torch.cuda.device_count()})


if __name__ == "__main__":
    sys.exit(main())
