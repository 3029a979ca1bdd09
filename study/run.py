"""python -m study.run NAME: carry out a named study, or continue it.

Exit codes: 0 complete, 1 a requested trial failed, 2 bad input, said in one sentence before any work, or a
cause met later that will not go away by itself, 3 interrupted: run the same command again, 4 complete, but
MLflow lacks a part, which the same command sends.
"""

from trainables.multimodal.collector import collector_off
from trainables.multimodal.supported_system import require_supported_system

if __name__ == "__main__":
    require_supported_system()
    from study.running.signals import end_while_starting

    end_while_starting("study.run")

import argparse
import contextlib
import difflib
import gc
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

with collector_off():  # all that is imported stays: to look at it again and again takes a quarter of the time
    import joblib
    import torch
    from rich.console import Console

    from study.api import Where, numerics, open_study_store, require_room, start

    gc.freeze()  # no later collection looks at it

from study.records.addresses import without_secrets
from study.records.study_folder import require_search, require_startable
from study.request import resolved
from study.run_options import asked, parser, resources
from study.running.cluster import slots
from study.running.forecast import describe
from study.running.restoring import restore
from study.running.signals import CONTINUE, bounded, catch_signals
from study.running.versions import command
from study.settings import StudySettings
from study.studies import SAMPLE_STUDIES, STUDIES, Study
from study.study_list import listing
from trainables.multimodal.command_line import COMPLETE, INTERRUPTED, reported
from trainables.multimodal.data.datasets import DATASETS, generated_store
from trainables.multimodal.data.sample.generate import sample_store
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError

GENERATED: Final = "sample-data"
"""Folder below the results for data that are made from a seed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    with bounded("study.run"):
        try:
            catch_signals()
            return reported("study.run", lambda: _run(given), without_secrets)
        except KeyboardInterrupt as error:  # Interrupted, or its parent where Ray was waiting
            print(f"study.run: stopped by {error or 'a signal'}; {CONTINUE}.", file=sys.stderr)
            return INTERRUPTED


def _not_a_study(name: str | None) -> str:
    if name is None:
        return f"name a study, such as {next(iter(STUDIES))}; --list names all."
    near = " or ".join(difflib.get_close_matches(name, STUDIES, n=2))
    return f"unknown study {name}{near and f' (like {near})'}; --list names all."


def _run(arguments: Sequence[str]) -> int:
    options = parser(__doc__).parse_args(arguments)
    console = Console(markup=False, highlight=False)
    if options.list:
        console.print(listing(Path("data")), soft_wrap=True)
        return COMPLETE
    if options.name not in STUDIES:
        raise InputError(_not_a_study(options.name))
    if options.sample and options.data:
        raise InputError("--sample and --data exclude each other: leave one of them out.")
    if options.restore and (options.fresh or options.storage):
        raise InputError("--restore is about a study's own ledger: leave out --fresh and --storage.")
    results = options.results.resolve()
    if options.dry_run:
        return _dry_run(options, results, console)
    study, store = _data(options, results, console)
    name = _folder_name(options.name, study, store)
    settings = resolved(name, study, store, asked(options))
    settings = replace(settings, made_with={"command": command(arguments)})
    where = Where(resources(options), options.tracking_uri, options.storage)
    if options.restore:
        console.print(restore(results / name), soft_wrap=True)
    return start(results / name, settings, store, where, fresh=options.fresh).code


def _dry_run(options: argparse.Namespace, results: Path, console: Console) -> int:
    """Show what a study would do; data that are generated and not there yet are thrown away again."""
    with contextlib.ExitStack() as stack:
        generated = (
            results
            if (results / GENERATED).exists()
            else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        )
        study, store = _data(options, generated, console)
        name = _folder_name(options.name, study, store)
        settings = resolved(name, study, store, asked(options))
        held = resources(options)
        require_room(held)
        placed = replace(settings, resources=held, numerics=numerics(held))
        _require_startable(results / name, placed, options)
        machine = {"CPU": joblib.cpu_count(), "GPU": torch.cuda.device_count()}
        console.print(describe(placed, store, slots=slots(held, machine)), soft_wrap=True)
    return COMPLETE


def _require_startable(folder: Path, settings: StudySettings, options: argparse.Namespace) -> None:
    """Refuse what the run itself would; only that asks a ledger elsewhere, which may be made by asking."""
    if options.fresh:
        require_search(settings)
    elif not (options.storage or options.restore):
        require_startable(folder, settings)


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
        return make(results / GENERATED)
    except OSError as error:
        raise InputError(
            f"{results} cannot be written ({error.strerror}): choose another --results."
        ) from error


def _folder_name(name: str, study: Study, store: FeatureStore) -> str:
    """Results on the sample, and on different stores of features, never share a folder."""
    if store.is_sample:
        return f"{name}-sample"
    return f"{name}-{store.path.resolve().name}" if study.dataset == "features" else name


if __name__ == "__main__":
    sys.exit(main())
