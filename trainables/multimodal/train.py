"""Train one configuration without Ray: python -m trainables.multimodal.train --data DIR --epochs 5.

Exit codes: 0 complete, 1 the run diverged, 2 bad input (one sentence).
"""

from trainables.multimodal.supported_system import require_supported_system

if __name__ == "__main__":
    require_supported_system()

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trainables.multimodal.command_line import COMPLETE, FAILED, Parser, read_settings, reported
from trainables.multimodal.errors import Diverged, InputError
from trainables.multimodal.methods import METHODS, UNIMODAL, method_named
from trainables.multimodal.own_parts import FORM


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and print one line of metrics per epoch; give the exit code."""
    return reported("trainables.multimodal.train", lambda: run(parse(arguments)))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; InputError where it makes no sense."""
    parser = Parser(prog="python -m trainables.multimodal.train", description=__doc__)
    parser.add_argument("--data", required=True, metavar="DIR", help="a prepared feature store")
    parser.add_argument("--epochs", type=int, required=True)
    names = ", ".join([*METHODS, f"{UNIMODAL}<modality>", FORM])
    parser.add_argument("--balancer", metavar="NAME", default="joint", help=names)
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="any other setting")
    parser.add_argument("--export", type=Path, metavar="DIR", help="write the best weights for inference")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Build the trainer from the options, train it, export it if asked to; give the exit code."""
    given = read_settings("--set", options.set)
    for name in ("data", "epochs"):
        if name in given:
            raise InputError(f"--set {name} says again what --{name} says: leave one of them out")
    settings = {**given, "data": options.data, "epochs": options.epochs}
    trainer = method_named(options.balancer).build(settings)
    try:
        while not trainer.done:
            print(line(trainer.run_epoch()), flush=True)
    except Diverged as error:
        print(f"diverged: {error}", file=sys.stderr)
        return FAILED
    if options.export:
        trainer.export(options.export)
        print(f"best weights: {options.export}")
    return COMPLETE


def line(metrics: dict[str, float]) -> str:
    """Metrics of one epoch on one line: name value, name value, ..."""
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


if __name__ == "__main__":
    sys.exit(main())
