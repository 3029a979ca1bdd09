"""python -m study.replay NAME: feed recorded learning curves to other searchers and schedulers.

NAME is a study with a ledger, whose recorded search trials are drawn in random order; --curves takes a
table of a whole grid, on which TPE can search too. Studies are simulated on a clock of their own, by the
project's ASHA and TPE. The tables say what each combination finds within a budget, and what its stopping
saves and costs.

Exit codes: 0 done, 2 bad input (one sentence).
"""

from trainables.multimodal.supported_system import require_supported_system

if __name__ == "__main__":
    require_supported_system()

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import optuna
import pandas as pd
from rich.console import Console

from study import api
from study.records.addresses import without_secrets
from study.replaying.choices import SCHEDULERS, SEARCHERS, scheduler_choice, searcher_choice
from study.replaying.curves import Curves, read_table, recorded
from study.replaying.measures import SHARES, Combination, measured, rank_correlations, replay
from study.settings import half
from trainables.multimodal.command_line import COMPLETE, Parser, reported, whole_number, whole_numbers, words
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import write_text

COLUMNS: Final = {
    "curves": "curves",
    "searcher": "searcher",
    "scheduler": "scheduler",
    "trials": "trials",
    "workers": "workers",
    **{f"epochs_{share:g}": f"{100 * share:.0f}% ep." for share in SHARES},
    **{f"seconds_{share:g}": f"{100 * share:.0f}% time" for share in SHARES},
    "best": "at last",
    "completed": "completed",
    "saved": "saved",
    "mean_regret": "regret",
    "lost": "lost",
    "within_epochs": "within: ep.",
    "within_seconds": "within: s",
    "epoch": "epoch",
    "correlation": "correlation",
}
"""What the tables hold, in their order -> their heads."""
PERCENT: Final = ("completed", "saved", "lost")
BESIDE_REPORT: Final = ""
"""What --out is without a folder."""
NOTES: Final = """\
% ep., % time, at last: median best value of completed trials within that share of what all trials would \
take if none was stopped, and at the end.
completed, saved: share of the trials that ran to their end, and of the epochs that were not trained.
regret: mean of how much better the best stopped trial would have ended than the best completed one; \
lost: share of the studies in which it would.
within: median epochs and seconds until a completed trial is within {within:g} of the best recorded value; \
- where half of the studies never come there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return reported("study.replay", lambda: _replay(_parser().parse_args(arguments)), without_secrets)


def _parser() -> Parser:
    parser = Parser(prog="python -m study.replay", description=__doc__)
    parser.add_argument("name", nargs="?", help="a study, or the name of its folder below --results")
    parser.add_argument("--curves", type=Path, help="a csv file with columns n_epochs, valid_error, seconds")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where studies were written")
    parser.add_argument(
        "--storage", help="the ledger's database or journal:///FILE, default a database in the study's folder"
    )
    parser.add_argument("--searchers", type=words, default=["random"], help=f"list: {SEARCHERS}")
    parser.add_argument("--schedulers", type=words, default=["none", "asha"], help=f"list: {SCHEDULERS}")
    parser.add_argument("--trials", type=whole_numbers, help="list: trials of a study, default all there are")
    parser.add_argument("--workers", type=whole_numbers, default=[1], help="list: trials at once")
    parser.add_argument(
        "--repeats", type=whole_number, default=50, help="simulated studies of each combination"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the first of them; the others follow")
    parser.add_argument("--within", type=float, default=0.005, help="how near to the best is near enough")
    parser.add_argument(
        "--out",
        nargs="?",
        const=BESIDE_REPORT,
        help="write replay.csv and replay.json into this folder, or beside the study's report",
    )
    return parser


def _replay(options: argparse.Namespace) -> int:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    out = _out(options)
    rows: list[dict[str, Any]] = []
    correlations: list[dict[str, Any]] = []
    for curves, grace in _sources(options):
        console.print(_described(curves))
        combinations = list(_combinations(options, curves, grace))
        for combination in combinations:
            studies = replay(curves, combination, range(options.seed, options.seed + options.repeats))
            rows.append(measured(curves, combination, studies, options.within))
        rungs = {e for c in combinations for e in c.scheduler.rungs(curves.recorded_epochs)}
        correlations += rank_correlations(curves, sorted(rungs))
    console.print(f"\n{_table(rows)}\n\n{NOTES.format(within=options.within)}")
    if correlations:
        console.print(f"\nSpearman's rank correlation with the end:\n{_table(correlations)}")
    if out:
        write_text(out / "replay.csv", pd.DataFrame(rows).to_csv(index=False))
        plain = {"studies": rows, "rank_correlations": correlations, "repeats": options.repeats}
        write_text(out / "replay.json", json.dumps(plain, indent=2, allow_nan=False) + "\n")
        console.print(f"\nWritten: replay.csv and replay.json in {out}")
    return COMPLETE


def _sources(options: argparse.Namespace) -> list[tuple[Curves, int]]:
    """The curves to draw from, each with the grace period that a study of them has.

    InputError where not exactly one of a study and a table is named, or its curves cannot be replayed.
    """
    if options.seed < 0:
        raise InputError(f"--seed must be at least 0, got {options.seed}.")
    if (options.name is None) == (options.curves is None):
        raise InputError("name either a study or, with --curves, a table of recorded curves.")
    if options.curves is not None:
        table = read_table(options.curves)
        return [(table, half(table.epochs))]
    with api.reading(_folder(options), options.storage) as ledger:
        settings, records = ledger.settings, ledger.records("search")
    if not records:
        raise InputError(f"{options.name} has no search trials, and there is nothing else to replay.")
    methods = {method: [r for r in records if r.method == method] for method in settings.methods}
    return [
        (recorded(method, trials, settings.budget.epochs, settings.judged_by.sign), settings.grace(method))
        for method, trials in methods.items()
        if trials
    ]


def _folder(options: argparse.Namespace) -> Path:
    if Path(options.name).name != options.name:
        raise InputError(f"{options.name} is not the name of a study.")
    folder: Path = options.results.resolve() / options.name
    return folder


def _out(options: argparse.Namespace) -> Path | None:
    """Where to write: the folder named, or that of the study."""
    if options.out is None:
        return None
    if options.out != BESIDE_REPORT:
        return Path(options.out)
    if options.name is None:
        raise InputError("--out needs a folder where no study is named.")
    return _folder(options)


def _combinations(options: argparse.Namespace, curves: Curves, grace: int) -> Iterator[Combination]:
    """Every searcher with every scheduler, size and number of workers.

    InputError: one of them makes no sense, or these curves are too few or cannot be searched.
    """
    searchers = [searcher_choice(name) for name in options.searchers]
    schedulers = [scheduler_choice(name, grace) for name in options.schedulers]
    sizes = options.trials or [len(curves.curves)]
    if max(sizes) > len(curves.curves):
        raise InputError(f"{curves.name} has {len(curves.curves)} curves: --trials may be no more.")
    if not curves.space and any(searcher.startup is not None for searcher in searchers):
        raise InputError("TPE needs the curves of a whole grid (--curves): a study has recorded few points.")
    for size, workers, searcher, scheduler in product(sizes, options.workers, searchers, schedulers):
        yield Combination(searcher, scheduler, size, workers)


def _described(curves: Curves) -> str:
    stopped = f" ({curves.left_out} that were stopped early are left out)" if curves.left_out else ""
    best = f"the best of them ends with {curves.sign * curves.best:.5g}"
    return f"{curves.name}: {len(curves.curves)} curves of {curves.epochs} epochs{stopped}; {best}"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as text under their heads."""
    shown = [key for key in COLUMNS if key in rows[0]]
    frame = pd.DataFrame([{COLUMNS[key]: _cell(key, row[key]) for key in shown} for row in rows])
    return frame.to_string(index=False)


def _cell(key: str, number: Any) -> str:
    if isinstance(number, str):
        return number
    if number is None:
        return "-"
    return f"{100 * number:.0f} %" if key in PERCENT else f"{number:.5g}"


if __name__ == "__main__":
    sys.exit(main())
