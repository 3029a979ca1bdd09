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

from rich.console import Console

from study import api
from trainables.multimodal.command_line import COMPLETE, Parser, reported
from trainables.multimodal.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return reported("study.report", lambda: _report(_parser().parse_args(arguments)))


def _report(options: argparse.Namespace) -> int:
    written = api.report(_folder(options), storage=options.storage)
    console = Console(markup=False, highlight=False)
    for finding in written.findings:
        console.print(f"- {finding}")
    console.print(f"\nReport:  {written.html}", soft_wrap=True)
    return COMPLETE


def _parser() -> Parser:
    parser = Parser(prog="python -m study.report", description=__doc__)
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
