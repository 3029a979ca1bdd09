"""The methods that a study can compare: what each trains with, what is searched, what reports call it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import search_spaces
from search_spaces.space import SearchSpace
from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import METHODS, UNIMODAL, Method, method_named

BASELINE: Final = "joint"  # what all other methods are compared with


@dataclass(frozen=True)
class StudyMethod:
    """A method as a study sees it."""

    trained: Method
    """Its balancers and the settings that make it what it is."""
    search: SearchSpace
    """What is searched, the published values that every search begins with, and symbols for reports."""
    label: str
    """Its name in reports."""
    control_of: str = ""
    """The method that this one is a control of, if it is one."""
    paired: bool = False
    """Whether its run follows that of joint training on the same seed until it acts.

    From the same initial weights and batches, results then correlate, and tests against joint training pair
    them. Of other methods they do not: Welch's test has more power. Fixed here, never chosen from results.
    """
    leaves_out: str = ""
    """What a control does without, as a noun phrase."""
    switched_off: Mapping[str, str] = field(default_factory=dict)
    """Hyperparameter -> what the method is where that is 0, as a noun phrase."""


STUDY_METHODS: Final[Mapping[str, StudyMethod]] = {
    "joint": StudyMethod(METHODS["joint"], search_spaces.joint, "Joint training"),
    "late_fusion": StudyMethod(METHODS["late_fusion"], search_spaces.late_fusion, "Late fusion", paired=True),
    "ogm_ge": StudyMethod(METHODS["ogm_ge"], search_spaces.ogm_ge, "OGM-GE"),
    "diagnose_relearn": StudyMethod(
        METHODS["diagnose_relearn"],
        search_spaces.diagnose_relearn,
        "Diagnose & Re-learn",
        paired=True,
        switched_off={"lam": "joint training"},
    ),
    "diagnose_relearn_matched": StudyMethod(
        METHODS["diagnose_relearn_matched"],
        search_spaces.diagnose_relearn,
        "D&R by the size-matched gap",
        paired=True,
        switched_off={"lam": "joint training"},
    ),
    "boosting": StudyMethod(METHODS["boosting"], search_spaces.boosting, "Boosting"),
    "dr_boosting": StudyMethod(
        METHODS["dr_boosting"],
        search_spaces.dr_boosting,
        "Boosting + D&R",
        switched_off={"lam": "boosting"},
    ),
    "boosting_no_heads": StudyMethod(
        METHODS["boosting_no_heads"],
        search_spaces.boosting_no_heads,
        "Boosting without new heads",
        control_of="boosting",
        leaves_out="new heads",
    ),
    "boosting_frozen": StudyMethod(
        METHODS["boosting_frozen"],
        search_spaces.boosting,
        "Boosting with frozen heads",
        control_of="boosting",
        leaves_out="the training of new heads",
    ),
    "boosting_random": StudyMethod(
        METHODS["boosting_random"],
        search_spaces.boosting_random,
        "Boosting with heads at random",
        control_of="boosting",
        leaves_out="the choice of the modality by its score",
    ),
    "boosting_tripled": StudyMethod(
        METHODS["boosting_tripled"],
        search_spaces.boosting_tripled,
        "Boosting with tripled loss",
        control_of="boosting",
        leaves_out="heads in place of a larger weight of the weak modality's loss",
    ),
    "uniform": StudyMethod(METHODS["uniform"], search_spaces.unimodal_losses, "Sum of all losses"),
    "detached": StudyMethod(METHODS["detached"], search_spaces.unimodal_losses, "Detached fused head"),
    "mmpareto": StudyMethod(METHODS["mmpareto"], search_spaces.mmpareto, "MMPareto"),
    "agm": StudyMethod(METHODS["agm"], search_spaces.agm, "AGM", switched_off={"alpha": "joint training"}),
    "pmr": StudyMethod(METHODS["pmr"], search_spaces.pmr, "PMR", switched_off={"alpha": "joint training"}),
    "mla": StudyMethod(METHODS["mla"], search_spaces.mla, "MLA"),
    "cggm": StudyMethod(METHODS["cggm"], search_spaces.cggm, "CGGM"),
    "gradient_blending": StudyMethod(
        METHODS["gradient_blending"], search_spaces.gradient_blending, "Gradient-Blending"
    ),
}
"""In the order in which `<data>_compare` asks for them."""


class UnknownMethod(Method):
    """Stands for a method of another version: its results can be read, but it cannot be trained."""

    def check(self, settings: Mapping[str, Any]) -> tuple[TrainerConfig, list[Balancer]]:
        """Raise InputError."""
        raise InputError("the ledger names a method that this version does not have")


def study_method(name: str, table: Mapping[str, StudyMethod] = STUDY_METHODS) -> StudyMethod:
    """The method of this name, which for each modality alone is unimodal_<modality>."""
    if name in table:
        return table[name]
    if name.startswith(UNIMODAL):
        label = f"{name.removeprefix(UNIMODAL).replace('_', ' ').capitalize()} alone"
        return replace(table[BASELINE], trained=method_named(name), label=label, paired=False)
    return StudyMethod(UnknownMethod(), table[BASELINE].search, name.replace("_", " ").capitalize())


def expanded(methods: Sequence[str], modalities: Sequence[str]) -> tuple[str, ...]:
    """Names of methods on data with these modalities: `unimodal_*` is one for each of them alone."""
    each = {f"{UNIMODAL}*": [UNIMODAL + modality for modality in modalities]}
    return tuple(name for entry in methods for name in each.get(entry, [entry]))
