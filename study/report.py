"""python -m study.report NAME: make a study's tables, figures and HTML page again, from its ledger alone.

python -m study.report --compare NAME NAME ...: put several studies on one page.
Exit codes: 0 written, 2 bad input (one sentence).
"""

from trainables.multimodal.supported_system import require_supported_system

if __name__ == "__main__":
    require_supported_system()

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from study import api
from study.records.addresses import without_secrets
from trainables.multimodal.command_line import COMPLETE, Parser, reported
from trainables.multimodal.errors import InputError

LONGEST = 255  # bytes of a file's name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return reported("study.report", lambda: _report(_parser().parse_args(arguments)), without_secrets)


def _report(options: argparse.Namespace) -> int:
    if (options.name is None) == (options.compare is None):
        raise InputError("a NAME is required, or --compare with the names of several studies.")
    if options.out is not None and options.compare is None:
        raise InputError("--out belongs to --compare: a report stands in the folder of its study.")
    return _compare(options) if options.compare else _one(options)


def _one(options: argparse.Namespace) -> int:
    written = api.report(_study(options, options.name), storage=options.storage)
    return _tell(written.findings, written.html)


def _compare(options: argparse.Namespace) -> int:
    folders = [_named(options, name) for name in options.compare]
    written = api.compare(folders, options.out or _beside(options, folders), storage=options.storage)
    return _tell(written.findings, written.html)


def _tell(findings: Sequence[str], html: Path) -> int:
    console = Console(markup=False, highlight=False)
    for finding in findings:
        console.print(f"- {finding}")
    console.print(f"\nReport:  {html}", soft_wrap=True)
    return COMPLETE


def _parser() -> Parser:
    parser = Parser(prog="python -m study.report", description=__doc__)
    parser.add_argument("name", nargs="?", help="a study, or the name of its folder below --results")
    parser.add_argument(
        "--compare", nargs="+", metavar="NAME", help="several studies on one page: names, or paths of folders"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of that page, default compare-<names> below --results"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="where studies were written")
    parser.add_argument("--sample", action="store_true", help="the study's run on the generated sample")
    parser.add_argument(
        "--storage", help="the ledger's database or journal:///FILE, default a database in the study's folder"
    )
    return parser


def _named(options: argparse.Namespace, name: str) -> Path:
    """Folder of a study that is named by a path, or below --results."""
    return Path(name).resolve() if os.sep in name else _study(options, name)


def _study(options: argparse.Namespace, name: str) -> Path:
    """Folder of the study; one that is not there is never made, unless its ledger lives elsewhere."""
    results: Path = options.results.resolve()
    name = f"{name}-sample" if options.sample else name
    folder = results / name
    if Path(name).name != name:
        raise InputError(f"{name} is not the name of a study.")
    if not folder.is_dir() and options.storage is None:
        found = [path.name for path in _studies(results)]
        if f"{name}-sample" in found:
            raise InputError(f"{name} was run on the generated sample: say {name}-sample.")
        there = f"there are {', '.join(found)}" if found else "there is no study at all"
        raise InputError(f"no study {name} below {results}: {there}.")
    return folder


def _beside(options: argparse.Namespace, folders: Sequence[Path]) -> Path:
    """Where a comparison stands unless --out says so."""
    name = "-".join(["compare", *(folder.name for folder in folders)])
    if len(name.encode()) > LONGEST:
        raise InputError("the names of these studies are too long for that of a folder: name one with --out.")
    return Path(options.results.resolve() / name)


def _studies(results: Path) -> list[Path]:
    return sorted(path.parent for path in results.glob("*/ledger.db"))


if __name__ == "__main__":
    sys.exit(main())
