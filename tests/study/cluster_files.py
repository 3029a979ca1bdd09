"""The ready files for clusters, and what the commands in them ask of a study."""

import argparse
import shlex
from pathlib import Path

import yaml

from study import cluster
from study.run_options import parser

FOLDER = Path(cluster.__file__).parent
ENDS = {";", "&", "&&", "|", "||"}


def text(name):
    """A ready file as it stands."""
    return (FOLDER / name).read_text()


def documents(name):
    """What a ready file of YAML holds."""
    return list(yaml.safe_load_all(text(name)))


def asked(command: str) -> argparse.Namespace:
    """What the call of study.run in a command asks for, wherever it stands there; an error if it is bad."""
    words = shlex.split(command)
    if "study.run" not in words:  # the command is itself a word of another's, as of `ray exec`
        (command,) = [word for word in words if "study.run" in word]
        return asked(command)
    given = words[words.index("study.run") + 1 :]
    end = next((place for place, word in enumerate(given) if word in ENDS), len(given))
    return parser(None).parse_args(given[:end])
