"""python -m study.prepare DATASET: raw files -> feature store; or --check DIR: hash a store's files."""

from trainables.multimodal.supported_system import require_supported_system

if __name__ == "__main__":
    require_supported_system()

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import joblib
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from study.prepare_wording import plan, report, summary
from trainables.multimodal.command_line import (
    BAD_INPUT,
    COMPLETE,
    INTERRUPTED,
    Parser,
    read_pairs,
    reported,
    whole_number,
    words,
)
from trainables.multimodal.data.datasets import DATASETS, read_source
from trainables.multimodal.data.limits import MOST_WORKERS
from trainables.multimodal.data.media import leftovers
from trainables.multimodal.data.media.suspicions import KINDS
from trainables.multimodal.data.preparing import verify
from trainables.multimodal.data.preparing.unusable import UnusableSamples, refusal
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.manifest import FILE
from trainables.multimodal.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return reported("study.prepare", lambda: _run(_parser().parse_args(given), given))
    except OSError as error:  # no permission, disk full
        print(f"study.prepare: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("study.prepare: interrupted; the same command goes on where it was", file=sys.stderr)
        return INTERRUPTED


def _run(options: argparse.Namespace, given: Sequence[str]) -> int:
    console = Console(soft_wrap=True, highlight=False)
    try:
        for line in _check(options) if options.check else _prepare(options, given, console):
            console.print(line, markup=False)
    except UnusableSamples as error:
        raise InputError(_advised(error, given)) from error
    return COMPLETE


def _advised(error: UnusableSamples, given: Sequence[str]) -> str:
    """What an error tells, and the whole command that leaves the samples out, where one does."""
    if error.enough is None:
        return str(error)
    replaced = Parser(add_help=False)
    replaced.add_argument("--skip-up-to")
    replaced.add_argument("--dry-run", action="store_true")
    _, others = replaced.parse_known_args(given)
    command = ["python", "-m", "study.prepare", *others, "--skip-up-to", f"{error.enough:g}"]
    return f"{error}:\n  {shlex.join(command)}"


def _parser() -> Parser:
    parser = Parser(prog="python -m study.prepare", description=__doc__)
    parser.add_argument("dataset", nargs="?", metavar="DATASET", help=", ".join(DATASETS))
    parser.add_argument(
        "--source",
        type=Path,
        metavar="PATH",
        help="folder with the raw files, or one file; none for what is generated",
    )
    parser.add_argument(
        "--follow-links",
        action="store_true",
        help="follow links in --source that lead out of it, as in trees of DVC, git-annex or a cache",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the store (default: data/<dataset>)"
    )
    parser.add_argument("--recipe", metavar="NAME", help="named recipe (default: the data set's first)")
    parser.add_argument(
        "--recipe-set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one parameter of the recipe",
    )
    parser.add_argument("--image-size", metavar="N", help="the same as --recipe-set image_size=N")
    parser.add_argument("--frames", metavar="N", help="the same as --recipe-set frames=N")
    parser.add_argument(
        "--skip-up-to",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="leave out at most this share (0.01) of samples",
    )
    parser.add_argument(
        "--leave-out",
        type=_kinds,
        action="extend",
        default=[],
        metavar="KINDS",
        help=f"leave out suspicious samples of these kinds ({','.join(KINDS)}), on top of --skip-up-to",
    )
    parser.add_argument("--split", metavar="POLICY", help="the store's default split policy")
    parser.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="processes that decode; by default one per core, at most "
        f"{MOST_WORKERS} (1 with a text model), which together take less than 2 GiB of memory; every further "
        "one may take 300 MiB more, or as much as the model; none is started for a table",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and write nothing")
    parser.add_argument("--check", type=Path, metavar="DIR", help="hash every file of a store and stop")
    return parser


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"must be a share in 0..1, got {text!r}")
    return share


def _kinds(text: str) -> list[str]:
    kinds = words(text)
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise argparse.ArgumentTypeError(f"unknown kind {unknown[0]!r}: known are {', '.join(KINDS)}")
    return kinds


def _check(options: argparse.Namespace) -> list[str]:
    store = verify.verify(options.check)
    return [f"{store.path} is whole: {summary(store)}"]


def _prepare(options: argparse.Namespace, given: Sequence[str], console: Console) -> list[str]:
    source = _source(options)
    passed = _passed_over(options.source)
    out = (options.out or Path("data") / options.dataset).absolute()
    if (out / FILE).is_file():
        store = verify.require_made_from(out, source)
        return [f"{store.path} holds this data set already: {summary(store)}"]
    if options.dry_run:
        lacking = source.lacking()
        missing = [_advised(refusal(source, lacking), given)] if lacking else []
        return [*plan(source, out), *missing, *passed]
    started = time.monotonic()
    with _progress(console) as progress:
        task = progress.add_task(f"preparing {source.name}", total=len(source.ids))
        store = write_store(
            source,
            out,
            skip_up_to=options.skip_up_to,
            workers=options.workers or min(joblib.cpu_count(), source.most_workers),
            advance=lambda count: progress.advance(task, count),
        )
    return [*report(store, len(source.ids), time.monotonic() - started), *passed]


def _passed_over(root: Path | None) -> list[str]:
    """What was not taken for files of the data set, if there is any."""
    passed = leftovers.below(root) if root else []
    return (
        [f"passed over {len(passed)} files or folders that are no data, such as {passed[0]}"]
        if passed
        else []
    )


def _source(options: argparse.Namespace) -> Source:
    if not options.dataset:
        raise InputError(
            f"name a data set ({', '.join(DATASETS)}) and its --source folder, or use --check DIR"
        )
    settings = read_pairs("--recipe-set", options.recipe_set)
    for key in ("image_size", "frames"):
        if getattr(options, key):
            settings[key] = getattr(options, key)
    source = read_source(
        options.dataset,
        options.source,
        recipe=options.recipe,
        settings=settings,
        follow_links=options.follow_links,
    )
    source = replace(source, leave_out=frozenset(options.leave_out))
    return source.with_default_split(options.split or source.default_split)


class _Rate(ProgressColumn):
    """Samples per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)


if __name__ == "__main__":
    sys.exit(main())
