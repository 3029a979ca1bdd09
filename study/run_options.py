"""The options of study.run, and what they ask for."""

import argparse
import math
from pathlib import Path
from typing import Any

import torch

from study.analysis.sequential import LOOK_SEEDS
from study.hand_set import given
from study.request import AUTO_SEEDS, POINTS, StudyRequest
from study.settings import DEFAULT_STAGES, ENOUGH_TO_PRUNE, MPS, PRUNING, STAGES, Resources
from trainables.multimodal.command_line import Parser, read_settings, words
from trainables.multimodal.errors import InputError
from trainables.multimodal.tasks import AUTO


def parser(description: str | None) -> Parser:
    """The parser of the command line."""
    parser = Parser(prog="python -m study.run", description=description)
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
        "--storage", help="the ledger's database or journal:///FILE, default a database in the study's folder"
    )
    _add_budget(parser)
    parser.add_argument(
        "--stages",
        type=_stages,
        default=DEFAULT_STAGES,
        help=f"of {','.join(STAGES)},report; default all but surface",
    )
    parser.add_argument(
        "--protocol",
        choices=("clean", "paper", "both"),
        default="clean",
        help="paper: the published split and the best test epoch, labelled as such",
    )
    parser.add_argument("--split", help="split policy of the store")
    parser.add_argument(
        "--objective",
        metavar="SCORE",
        default=AUTO,
        help="of validation, chooses epochs and configurations and compares methods: accuracy (default), "
        "macro_f1 or loss; of a regression mae (default) or accuracy",
    )
    _add_by_hand(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="auto is bf16 on CUDA, else fp32",
    )
    parser.add_argument("--cpus-per-trial", type=float, default=1.0, help="also its threads")
    parser.add_argument("--gpus-per-trial", type=float, help="a share lets several trials use one GPU")
    parser.add_argument(
        "--mps", choices=MPS, default="auto", help="whether trials that share a GPU run under NVIDIA's MPS"
    )
    parser.add_argument("--max-concurrent", type=int, help="trials at once, default as many as fit")
    parser.add_argument(
        "--hung-after",
        type=float,
        metavar="SECONDS",
        help="end a trial without an epoch for so long, and try it again; --dry-run tells the default",
    )
    parser.add_argument("--address", help="a running Ray cluster, default one of our own on this machine")
    parser.add_argument(
        "--stage-data",
        metavar="DIR",
        help="copy the data once per node below this folder on its local disk, and read them there",
    )
    parser.add_argument("--dry-run", action="store_true", help="show space, rungs, expected time and disk")
    parser.add_argument(
        "--fresh", action="store_true", help="begin anew; the old folder is kept as <study>.<n>"
    )
    parser.add_argument(
        "--restore", action="store_true", help="go on from the copy of a ledger that is damaged or gone"
    )
    parser.add_argument(
        "--list", action="store_true", help="studies, what they ask, and which data are there"
    )
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
        "--points",
        type=int,
        help=f"of each method's surface, default {POINTS}; powers of two cover a space most evenly",
    )
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


def _add_by_hand(parser: Parser) -> None:
    """Options that say which settings are fixed, searched and swept, for the methods that have them."""
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="fix a setting")
    parser.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="KEY=LOW..HIGH",
        help="search this range, ends included; KEY=LOW..HIGH:log on a logarithmic scale, KEY=A,B,C these",
    )
    parser.add_argument(
        "--sweep", action="append", default=[], metavar="KEY=A,B,C", help="sweep these values in sensitivity"
    )
    parser.add_argument(
        "--space-file", type=Path, metavar="FILE", help="TOML whose tables [space] and [sweep] hold the same"
    )


def asked(options: argparse.Namespace) -> StudyRequest:
    """What the options ask of a study."""
    return StudyRequest(
        trials=options.trials,
        seeds=options.seeds,
        epochs=options.epochs,
        stages=options.stages,
        protocol=options.protocol,
        split=options.split,
        objective=options.objective,
        precision=options.precision,
        points=options.points,
        fixed=read_settings("--set", options.set),
        space=given("space", options.space, options.space_file),
        sweep=given("sweep", options.sweep, options.space_file),
        methods=options.methods,
        finalists=options.finalists,
        folds=options.folds,
        pruning=options.pruning,
        spare=options.spare,
    )


def resources(options: argparse.Namespace) -> Resources:
    """What the options let every trial hold, and where; InputError for less than nothing."""
    return Resources(
        cpus_per_trial=_at_least("--cpus-per-trial", options.cpus_per_trial, 0.0),
        gpus_per_trial=_gpus(options),
        max_concurrent=_at_least("--max-concurrent", options.max_concurrent, 1),
        address=options.address,
        stage_data=options.stage_data,
        device=options.device,
        mps=options.mps,
        hung_after=_at_least("--hung-after", options.hung_after, 1),
    )


def _gpus(options: argparse.Namespace) -> float:
    """A whole GPU per trial where there is one, unless told otherwise."""
    if options.gpus_per_trial is not None:
        return float(_at_least("--gpus-per-trial", options.gpus_per_trial, 0.0))
    return float(options.device != "cpu" and torch.cuda.is_available())


def _at_least(option: str, value: Any, least: float) -> Any:
    if value is not None and value < least:
        raise InputError(f"{option} must be at least {least:g}, got {value:g}.")
    if value is not None and not math.isfinite(value):
        raise InputError(f"{option} must be finite, got {value:g}.")
    return value


def _seeds(text: str) -> int | str:
    try:
        return text if text == AUTO_SEEDS else int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a whole number or {AUTO_SEEDS}, got {text!r}") from error


def _stages(text: str) -> tuple[str, ...]:
    named = words(text)
    unknown = set(named) - {*STAGES, "report"}
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown stage {', '.join(sorted(unknown))}")
    if named == ["report"]:
        raise argparse.ArgumentTypeError("a report by itself is made by python -m study.report")
    return tuple(stage for stage in STAGES if stage in named)
