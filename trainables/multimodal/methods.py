"""The table of methods: what each of them trains with. A new method is one line in METHODS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from trainables.multimodal.assembly import require_applicable
from trainables.multimodal.balancers.agm import Agm
from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.balancers.cggm import Cggm
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.balancers.gradient_blending import GradientBlending
from trainables.multimodal.balancers.late_fusion import LateFusion
from trainables.multimodal.balancers.mla import Mla
from trainables.multimodal.balancers.mmpareto import MMPareto
from trainables.multimodal.balancers.ogm_ge import OgmGe
from trainables.multimodal.balancers.pmr import Pmr
from trainables.multimodal.balancers.unimodal_losses import UnimodalLosses
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.errors import InputError
from trainables.multimodal.flat_settings import default_settings, known_settings, split_settings
from trainables.multimodal.own_parts import FORM, is_own, own_part
from trainables.multimodal.trainer import Trainer

UNIMODAL: Final = "unimodal_"
"""`unimodal_<modality>` names joint training on that modality alone."""


@dataclass(frozen=True)
class Method:
    """What a method trains with: its balancers in the order they act, and the settings that define it.

    Settings are flat: fields of the trainer's config and constructor arguments of the balancers, by name.
    """

    balancers: tuple[type[Balancer], ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def fewest_modalities(self) -> int:
        """How many modalities the method needs."""
        return max((balancer.fewest_modalities for balancer in self.balancers), default=1)

    @property
    def model_waits(self) -> bool:
        """Whether the model is not trained before the method's first action."""
        return any(balancer.model_waits for balancer in self.balancers)

    @property
    def needs_classes(self) -> bool:
        """Whether the method can train nothing but a classification."""
        return any(balancer.needs_classes for balancer in self.balancers)

    def settings(self) -> list[str]:
        """Every key that flat settings may hold."""
        return known_settings(self.balancers)

    def defaults(self) -> dict[str, Any]:
        """What settings are that are not given, as far as they have a default."""
        return default_settings(self.balancers)

    def check(self, settings: Mapping[str, Any]) -> tuple[TrainerConfig, list[Balancer]]:
        """The trainer's config and balancers; no data is opened.

        Raises InputError for an unknown key, a value that makes no sense, a setting that contradicts what is
        fixed, or a task that the method cannot train.
        """
        config, arguments = split_settings(self._completed(settings), self.balancers)
        balancers = [balancer(**given) for balancer, given in zip(self.balancers, arguments, strict=True)]
        require_applicable(config, balancers)
        return config, balancers

    def build(self, settings: Mapping[str, Any]) -> Trainer:
        """The trainer for flat settings; InputError also for data that cannot be opened or do not fit."""
        return Trainer(*self.check(settings))

    def first_action(self, settings: Mapping[str, Any]) -> int:
        """The epoch, counted from 1, by which every balancer that waits has acted once; 0 if none waits.

        Judged before it, a run looks like one without the balancer.
        """
        return max((balancer.first_action() for balancer in self.check(settings)[1]), default=0)

    def early(self) -> dict[str, Any]:
        """Settings with which every balancer acts in the first epochs of a run."""
        early = {key: value for balancer in self.balancers for key, value in balancer.EARLY.items()}
        return {**early, **self.fixed}

    def _completed(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with what is fixed; InputError where they say otherwise."""
        for key, value in self.fixed.items():
            if key in settings and _plain(settings[key]) != _plain(value):
                raise InputError(f"{key} is {value} in this method and cannot be {settings[key]}")
        return {**settings, **self.fixed}


METHODS: Final[Mapping[str, Method]] = {
    "joint": Method(),
    "late_fusion": Method((LateFusion,)),
    "uniform": Method((UnimodalLosses,), {"detach": False}),
    "detached": Method((UnimodalLosses,), {"detach": True}),
    "mmpareto": Method((MMPareto,)),
    "agm": Method((Agm,)),
    "pmr": Method((Pmr,)),
    "mla": Method((Mla,)),
    "cggm": Method((Cggm,)),
    "gradient_blending": Method((GradientBlending,)),
    "ogm_ge": Method((OgmGe,)),
    "diagnose_relearn": Method((DiagnoseRelearn,)),
    "diagnose_relearn_matched": Method((DiagnoseRelearn,), {"gap": "size_matched"}),
    "boosting": Method((Boosting,)),
    "dr_boosting": Method((Boosting, DiagnoseRelearn)),  # heads are assigned first, encoders re-learnt then
    "boosting_no_heads": Method((Boosting,), {"max_heads": 1}),
    "boosting_frozen": Method((Boosting,), {"train_new_heads": False}),
    "boosting_random": Method((Boosting,), {"assignment": "random"}),
    "boosting_tripled": Method((Boosting,), {"remedy": "triple"}),
}
"""Methods by the name that commands, studies and ledgers use.

The last four are controls that the paper on boosting lacks: each leaves out or replaces one of its parts.
"""


def method_named(name: str, methods: Mapping[str, Method] = METHODS) -> Method:
    """The method of this name, joint training on one modality, or one of a user's own by import path.

    Raises InputError for an unknown name.
    """
    if name in methods:
        return methods[name]
    if is_own(name):
        return _own_method(name)
    if name.startswith(UNIMODAL):
        return Method(fixed={"modalities": [name.removeprefix(UNIMODAL)]})
    names = ", ".join([*methods, f"{UNIMODAL}<modality>"])
    raise InputError(f"unknown method {name}; methods are {names} and {FORM}")


def _own_method(path: str) -> Method:
    """What an import path names: a method, or a balancer that is one by itself."""
    found = own_part(path)
    if isinstance(found, type) and issubclass(found, Balancer):
        return Method((found,))
    if not isinstance(found, Method):
        raise InputError(f"{path} is neither a subclass of Balancer in {Balancer.__module__} nor a Method")
    return found


def _plain(value: Any) -> Any:
    """Settings may come from JSON, which knows no tuples."""
    return list(value) if isinstance(value, tuple) else value
