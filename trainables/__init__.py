"""Ray Tune Trainables, one per balancer; Ray is imported only when one of them is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainables.diagnose_relearn import DiagnoseRelearnTrainable
    from trainables.joint import JointTrainable

__all__ = ["DiagnoseRelearnTrainable", "JointTrainable"]

_MODULES = {
    "DiagnoseRelearnTrainable": "trainables.diagnose_relearn",
    "JointTrainable": "trainables.joint",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
