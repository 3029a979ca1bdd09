"""multimodal-study COMMAND ...: all commands under one name; COMMAND --help lists the options of each."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

from study import __version__
from trainables.multimodal.command_line import Parser, reported
from trainables.multimodal.supported_system import require_supported_system

NAME: Final = "multimodal-study"
STUDY: Final = "study.run"
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": (STUDY, "carry out a named study, or continue it"),
    "prepare": ("study.prepare", "make a feature store from raw files"),
    "report": ("study.report", "make a study's report again from its ledger"),
    "ui": ("study.ui", "show studies in MLflow's UI, on this machine alone"),
    "replay": ("study.replay", "feed recorded curves to other searchers and schedulers"),
    "train": ("trainables.multimodal.train", "train one configuration without Ray"),
}
"""Command -> the module whose `main` carries it out, and what it does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command with the arguments after its name; returns the command's exit code."""
    require_supported_system()
    return reported(NAME, lambda: _dispatch(sys.argv[1:] if arguments is None else arguments))


def _dispatch(arguments: Sequence[str]) -> int:
    """Import the module of the chosen command, and no other, and hand it the rest.

    As under `python -m`, a user's own parts may lie in the folder where it is started.
    """
    if not {"", os.getcwd()} & {*sys.path}:
        sys.path.append(os.getcwd())
    module, _ = COMMANDS[_parser().parse_args(arguments[:1]).command]
    if module == STUDY:  # which a signal ends in order from the first moment on
        from study.running.signals import end_while_starting  # of signals that Windows lacks

        end_while_starting(module)
    code: int = import_module(module).main(arguments[1:])
    return code


def _parser() -> Parser:
    parser = Parser(prog=NAME, description=__doc__)
    parser.add_argument("--version", action="version", version=f"{NAME} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, (_, purpose) in COMMANDS.items():
        commands.add_parser(command, help=purpose, add_help=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
