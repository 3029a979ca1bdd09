"""Train one configuration without Ray: python -m trainables.multimodal.train --data DIR --epochs 5."""

from trainables.multimodal.supported_system import require_supported_system

if __name__ == "__main__":
    require_supported_system()

import argparse
import ast
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.balancers.boosting import CONTROLS, Boosting
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.balancers.late_fusion import LateFusion
from trainables.multimodal.balancers.ogm_ge import OgmGe
from trainables.multimodal.config import UNIMODAL, split_settings
from trainables.multimodal.errors import Diverged, InputError
from trainables.multimodal.trainer import Trainer

BALANCERS: dict[str, tuple[type[Balancer], ...]] = {
    "joint": (),
    "late_fusion": (LateFusion,),
    "ogm_ge": (OgmGe,),
    "diagnose_relearn": (DiagnoseRelearn,),
    "boosting": (Boosting,),
    "dr_boosting": (Boosting, DiagnoseRelearn),
    **dict.fromkeys(CONTROLS, (Boosting,)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and print one line of metrics per epoch; give the exit code."""
    options = parse(arguments)
    try:
        run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Diverged as error:
        print(f"diverged: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m trainables.multimodal.train", description=__doc__)
    parser.add_argument("--data", required=True, metavar="DIR", help="a prepared feature store")
    parser.add_argument("--epochs", type=int, required=True)
    names = ", ".join([*BALANCERS, f"{UNIMODAL}<modality>"])
    parser.add_argument("--balancer", metavar="NAME", default="joint", help=names)
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="any other setting")
    parser.add_argument("--export", type=Path, metavar="DIR", help="write the best weights for inference")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Build the trainer from the options, train it, export it if asked to."""
    classes, fixed = method(options.balancer)
    named = {"data": options.data, "epochs": options.epochs, **fixed}
    config, arguments = split_settings({**dict(map(read_setting, options.set)), **named}, classes)
    balancers = [balancer(**own) for balancer, own in zip(classes, arguments, strict=True)]
    trainer = Trainer(config, balancers)
    while not trainer.done:
        print(line(trainer.run_epoch()), flush=True)
    if options.export:
        trainer.export(options.export)
        print(f"best weights: {options.export}")


def method(name: str) -> tuple[tuple[type[Balancer], ...], Mapping[str, Any]]:
    """The balancers of a method and the settings that make it what it is."""
    if name.startswith(UNIMODAL):
        return (), {"modalities": [name.removeprefix(UNIMODAL)]}
    if name not in BALANCERS:
        raise InputError(f"unknown balancer {name}: --help names them")
    return BALANCERS[name], CONTROLS.get(name, {})


def read_setting(text: str) -> tuple[str, Any]:
    """Key and parsed value of `key=value`."""
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise InputError(f"--set wants key=value, got {text!r}")
    return key, parse_value(value)


def parse_value(text: str) -> Any:
    """A number, true, false, null or none, a list such as [4, 8], else the word itself."""
    words = {"true": True, "false": False, "null": None, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def line(metrics: dict[str, float]) -> str:
    """Metrics of one epoch on one line: name value, name value, ..."""
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


if __name__ == "__main__":
    sys.exit(main())
