"""python -m study.report NAME: make a study's tables, figures and HTML page again, from its ledger alone.

Exit codes: 0 written, 2 bad input (one sentence).
"""

from trainables.multimodal.supported_system import require_supported_system

if __name__ == "__main__":
    require_supported_system()

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from study.records.study_folder import locked, read_ledger
from study.reporting import write_report
from trainables.multimodal.errors import InputError

BAD_INPUT = 2


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; --help lists the options.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        written = rebuild(_folder(options), options.storage)
    except InputError as error:
        print(f"study.report: {error}", file=sys.stderr)
        return BAD_INPUT
    console = Console()
    for finding in written.findings:
        console.print(f"- {finding}", markup=False, highlight=False)
    console.print(f"\nReport:  {written.html}", soft_wrap=True, markup=False, highlight=False)
    return 0


def rebuild(folder: Path, storage: str | None = None) -> write_report.Report:
    """Write the report of the study in `folder`; its driver must not be at work, for it owns the ledger."""
    with locked(folder):
        ledger = read_ledger(folder, storage)
        try:
            return write_report.write(folder, ledger.settings, ledger.records())
        finally:
            ledger.close()


def _parser() -> _Parser:
    parser = _Parser(prog="python -m study.report", description=__doc__)
    parser.add_argument("name", help="a study, or the name of its folder below --results")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where studies were written")
    parser.add_argument("--sample", action="store_true", help="the study's run on the generated sample")
    parser.add_argument(
        "--storage", help="Optuna's URL of the ledger, default a database in the study's folder"
    )
    return parser


def _folder(options: argparse.Namespace) -> Path:
    """Folder of the study; one that is not there is never made, unless its ledger lives elsewhere."""
    results: Path = options.results.resolve()
    name = f"{options.name}-sample" if options.sample else options.name
    folder = results / name
    if Path(name).name != name:
        raise InputError(f"{name} is not the name of a study.")
    if not folder.is_dir() and options.storage is None:
        found = [path.name for path in _studies(results)]
        there = f"there are {', '.join(found)}" if found else "there is no study at all"
        raise InputError(f"no study {name} below {results}: {there}.")
    return folder


def _studies(results: Path) -> list[Path]:
    return sorted(path.parent for path in results.glob("*/ledger.db"))


if __name__ == "__main__":
    sys.exit(main())
