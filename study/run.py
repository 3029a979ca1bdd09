"""python -m study.run NAME: carry out a named study, or continue it.

Exit codes: 0 complete, 1 a requested trial failed, 2 bad
input (one sentence, before any work), 3 interrupted: run the same command again, 4 complete, but MLflow
lacks a part, which the same command sends.
"""

from trainables.multimodal.supported_system import require_supported_system

if __name__ == "__main__":
    require_supported_system()

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import torch
from rich.console import Console

from study.analysis.sequential import LOOK_SEEDS
from study.api import Where, numerics, open_study_store, require_room, start
from study.request import AUTO_SEEDS, StudyRequest, resolved
from study.running.cluster import slots
from study.running.forecast import describe
from study.running.signals import catch_signals
from study.settings import ENOUGH_TO_PRUNE, PRUNING, STAGES, Resources
from study.studies import SAMPLE_STUDIES, STUDIES, Study
from trainables.multimodal.command_line import COMPLETE, INTERRUPTED, Parser, read_settings, reported, words
from trainables.multimodal.data.datasets import DATASETS, generated_store
from trainables.multimodal.data.sample.generate import sample_store
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    catch_signals()
    try:
        return reported("study.run", lambda: _run(_parser().parse_args(arguments)))
    except KeyboardInterrupt as error:  # Interrupted, or its parent where Ray was waiting
        name = str(error) or "a signal"
        print(f"study.run: stopped by {name}; run the same command again to continue.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> Parser:
    parser = Parser(prog="python -m study.run", description=__doc__)
    parser.add_argument("name", nargs="?", help="a study; --list names them")
    parser.add_argument("--data", type=Path, help="a prepared store, default ./data/<dataset>")
    parser.add_argument(
        "--sample", action="store_true", help="run on the generated sample, whatever is on disk"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="everything is written below it"
    )
    parser.add_argument(
        "--tracking-uri", help="MLflow, default MLFLOW_TRACKING_URI or a database below --results"
    )
    parser.add_argument(
        "--storage", help="Optuna's URL of the ledger, default a database in the study's folder"
    )
    _add_budget(parser)
    parser.add_argument("--stages", type=_stages, default=STAGES, help=f"of {','.join(STAGES)},report")
    parser.add_argument(
        "--protocol",
        choices=("clean", "paper", "both"),
        default="clean",
        help="paper: the published split and the best test epoch, labelled as such",
    )
    parser.add_argument("--split", help="split policy of the store")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="fix a setting")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="auto is bf16 on CUDA, else fp32",
    )
    parser.add_argument("--cpus-per-trial", type=float, default=1.0, help="also its threads")
    parser.add_argument("--gpus-per-trial", type=float, help="a share lets several trials use one GPU")
    parser.add_argument("--max-concurrent", type=int, help="trials at once, default as many as fit")
    parser.add_argument("--address", help="a running Ray cluster, default one of our own on this machine")
    parser.add_argument("--dry-run", action="store_true", help="show space, rungs, expected time and disk")
    parser.add_argument(
        "--fresh", action="store_true", help="begin anew; the old folder is kept as <study>.<n>"
    )
    parser.add_argument("--list", action="store_true", help="names of studies")
    return parser


def _add_budget(parser: Parser) -> None:
    """Options that say how much is spent, on which methods, and on whom they are tested."""
    parser.add_argument("--trials", type=int, help="search trials of each method")
    parser.add_argument(
        "--seeds",
        type=_seeds,
        help=f"fresh seeds of confirm (joint gets twice as many) and of sensitivity; {AUTO_SEEDS}: "
        f"{LOOK_SEEDS[0]} to {LOOK_SEEDS[-1]}, until a difference is decided or cannot be",
    )
    parser.add_argument("--epochs", type=int, help="epochs of a full run")
    parser.add_argument(
        "--methods", type=words, default=(), help="compare these with joint: a,b or unimodal_*"
    )
    parser.add_argument(
        "--finalists", type=int, help="best of each search that are run again before one is chosen, default 3"
    )
    parser.add_argument(
        "--folds",
        type=int,
        help="test sets of other people or samples in confirm, default as many as there are; 1: one",
    )
    parser.add_argument(
        "--pruning", choices=PRUNING, default="auto", help=f"ASHA; auto: from {ENOUGH_TO_PRUNE} trials on"
    )
    parser.add_argument(
        "--spare", type=float, default=0.0, help="share of the trials to be stopped that run on, unjudged"
    )


def _seeds(text: str) -> int | str:
    return text if text == AUTO_SEEDS else int(text)


def _stages(text: str) -> tuple[str, ...]:
    named = words(text)
    unknown = set(named) - {*STAGES, "report"}
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown stage {', '.join(sorted(unknown))}")
    if named == ["report"]:
        raise argparse.ArgumentTypeError("a report by itself is made by python -m study.report")
    return tuple(stage for stage in STAGES if stage in named)


def _run(options: argparse.Namespace) -> int:
    console = Console(markup=False, highlight=False)
    if options.list:
        console.print("\n".join(f"{name}  ({study.dataset})" for name, study in STUDIES.items()))
        return COMPLETE
    if options.name not in STUDIES:
        raise InputError(f"unknown study {options.name or '(none given)'}: studies are {', '.join(STUDIES)}.")
    if options.sample and options.data:
        raise InputError("--sample and --data exclude each other: leave one of them out.")
    results = options.results.resolve()
    study, store = _data(options, results, console)
    name = _folder_name(options.name, study, store)
    settings = resolved(name, study, store, _request(options))
    where = Where(_resources(options), options.tracking_uri, options.storage)
    if options.dry_run:
        require_room(where.resources)
        placed = replace(settings, resources=where.resources, numerics=numerics(where.resources))
        machine = {"CPU": joblib.cpu_count(), "GPU": torch.cuda.device_count()}
        console.print(describe(placed, store, slots=slots(where.resources, machine)), soft_wrap=True)
        return COMPLETE
    return start(results / name, settings, store, where, fresh=options.fresh).code


def _data(options: argparse.Namespace, results: Path, console: Console) -> tuple[Study, FeatureStore]:
    """The study and its store; without data on disk CREMA-D's run on the sample, and controls draw theirs."""
    study = STUDIES[options.name]
    path = options.data or Path("data", study.dataset)
    missing = options.data is None and not path.exists()
    if options.sample or (missing and options.name in SAMPLE_STUDIES):
        return _sample(options, results, console)
    if missing and DATASETS[study.dataset].generated:
        return study, _made(results, lambda folder: generated_store(study.dataset, folder))
    if missing:
        raise InputError(
            f"there are no prepared data at {path}: run `python -m study.prepare {study.dataset} "
            "--source DIR` first, or name a prepared store with --data."
        )
    return study, open_study_store(study, options.name, path)


def _sample(options: argparse.Namespace, results: Path, console: Console) -> tuple[Study, FeatureStore]:
    if options.name not in SAMPLE_STUDIES:
        raise InputError(
            f"only studies of cremad can run on the sample: give {options.name} a store with --data."
        )
    if not options.sample:
        console.print(f"No data at data/{STUDIES[options.name].dataset}: running on the generated sample.")
    return SAMPLE_STUDIES[options.name], _made(
        results, lambda folder: FeatureStore.open(sample_store(folder))
    )


def _made(results: Path, make: Callable[[Path], FeatureStore]) -> FeatureStore:
    """A store that `make` keeps in a folder below the results; InputError if they cannot be written."""
    try:
        return make(results / "sample-data")
    except OSError as error:
        raise InputError(
            f"{results} cannot be written ({error.strerror}): choose another --results."
        ) from error


def _folder_name(name: str, study: Study, store: FeatureStore) -> str:
    """Results on the sample, and on different stores of features, never share a folder."""
    if store.is_sample:
        return f"{name}-sample"
    return f"{name}-{store.path.resolve().name}" if study.dataset == "features" else name


def _request(options: argparse.Namespace) -> StudyRequest:
    return StudyRequest(
        trials=options.trials,
        seeds=options.seeds,
        epochs=options.epochs,
        stages=options.stages,
        protocol=options.protocol,
        split=options.split,
        precision=options.precision,
        fixed=read_settings("--set", options.set),
        methods=options.methods,
        finalists=options.finalists,
        folds=options.folds,
        pruning=options.pruning,
        spare=options.spare,
    )


def _resources(options: argparse.Namespace) -> Resources:
    return Resources(
        cpus_per_trial=_at_least("--cpus-per-trial", options.cpus_per_trial, 0.0),
        gpus_per_trial=_gpus(options),
        max_concurrent=_at_least("--max-concurrent", options.max_concurrent, 1),
        address=options.address,
        device=options.device,
    )


def _gpus(options: argparse.Namespace) -> float:
    """A whole GPU per trial where there is one, unless told otherwise."""
    if options.gpus_per_trial is not None:
        return float(_at_least("--gpus-per-trial", options.gpus_per_trial, 0.0))
    return float(options.device != "cpu" and torch.cuda.is_available())


def _at_least(option: str, value: Any, least: float) -> Any:
    if value is not None and value < least:
        raise InputError(f"{option} must be at least {least:g}, got {value:g}.")
    return value


if __name__ == "__main__":
    sys.exit(main())
