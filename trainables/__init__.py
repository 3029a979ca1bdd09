"""Ray Tune Trainables, one per method; Ray is imported only when one of them is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainables.agm import AgmTrainable
    from trainables.boosting import BoostingTrainable
    from trainables.cggm import CggmTrainable
    from trainables.diagnose_relearn import DiagnoseRelearnTrainable
    from trainables.dr_boosting import DRBoostingTrainable
    from trainables.gradient_blending import GradientBlendingTrainable
    from trainables.joint import JointTrainable
    from trainables.late_fusion import LateFusionTrainable
    from trainables.mla import MlaTrainable
    from trainables.mmpareto import MMParetoTrainable
    from trainables.ogm_ge import OgmGeTrainable
    from trainables.pmr import PmrTrainable
    from trainables.unimodal_losses import DetachedTrainable, UniformTrainable

__all__ = [
    "AgmTrainable",
    "BoostingTrainable",
    "CggmTrainable",
    "DRBoostingTrainable",
    "DetachedTrainable",
    "DiagnoseRelearnTrainable",
    "GradientBlendingTrainable",
    "JointTrainable",
    "LateFusionTrainable",
    "MMParetoTrainable",
    "MlaTrainable",
    "OgmGeTrainable",
    "PmrTrainable",
    "UniformTrainable",
]

_MODULES = {
    "AgmTrainable": "trainables.agm",
    "BoostingTrainable": "trainables.boosting",
    "CggmTrainable": "trainables.cggm",
    "DRBoostingTrainable": "trainables.dr_boosting",
    "DetachedTrainable": "trainables.unimodal_losses",
    "DiagnoseRelearnTrainable": "trainables.diagnose_relearn",
    "GradientBlendingTrainable": "trainables.gradient_blending",
    "JointTrainable": "trainables.joint",
    "LateFusionTrainable": "trainables.late_fusion",
    "MlaTrainable": "trainables.mla",
    "MMParetoTrainable": "trainables.mmpareto",
    "OgmGeTrainable": "trainables.ogm_ge",
    "PmrTrainable": "trainables.pmr",
    "UniformTrainable": "trainables.unimodal_losses",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
