"""What a study was made with: the command and the versions of what computes its numbers."""

import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import version

from study import __version__
from study.records.addresses import shown, without_secrets

LIBRARIES = ("torch", "ray", "optuna", "mlflow")


def versions() -> dict[str, str]:
    """Name -> version of this project, of Python and of LIBRARIES."""
    libraries = {name: version(name) for name in LIBRARIES}
    return {"study": __version__, "python": platform.python_version(), **libraries}


def command(arguments: Sequence[str]) -> str:
    """The command with these arguments, as it may be kept: addresses without their passwords."""
    return shlex.join(["python", "-m", "study.run", *map(_without_login, arguments)])


def _without_login(argument: str) -> str:
    option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    return option + equals + (shown(value) if "://" in value else without_secrets(value))
