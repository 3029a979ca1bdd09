"""The stages of a study as plans: which trials each of them asks of every method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from study.analysis.selection import incumbent
from study.records.ledger import Ledger
from study.records.trial_record import Proposal, Record, trial_key
from study.running.sampling import TrialSampler, distributions
from study.running.stage_run import StagePlan
from study.studies import method_named
from trainables.multimodal.config import WEIGHT

WAVES = (("search",), ("confirm", "sensitivity"))
"""Stages that ask for nothing but what the waves before have found; those of one wave run together."""
STAGES = tuple(stage for wave in WAVES for stage in wave)
CONFIRM_SEED = (
    1000  # seeds of the stages do not meet: a configuration is confirmed on seeds it was not chosen on
)
SWEEP_SEED = 2000


@dataclass(frozen=True)
class Outline:
    """What the plans are made from; all of it stands in the study's settings."""

    methods: tuple[str, ...]
    modalities: tuple[str, ...]
    epochs: int
    trials: int
    seeds: int
    base: Mapping[str, Any]  # settings of every trial
    fixed: Mapping[str, Mapping[str, Any]]  # method -> settings taken out of its search
    sweeps: Mapping[str, Mapping[str, list[Any]]]  # method -> key -> values
    protocols: tuple[str, ...]  # of the confirm stage
    exhausted: tuple[str, ...] = ()  # methods whose search space holds no further configuration

    @property
    def grace(self) -> int:
        """Epochs before ASHA may judge: no trial is stopped before its first re-learning or new head."""
        fixed = [int(s.get(key, 0)) for s in self.fixed.values() for key in ("every", "period")]
        return max([1, self.epochs // 4, *fixed]) + 1

    def space(self, name: str) -> dict[str, Any]:
        """The search space of a method, less what was fixed."""
        return self._free(name, method_named(name).space(self.modalities, self.epochs))

    def defaults(self, name: str) -> dict[str, Any]:
        """The published values of a method, less what was fixed."""
        return self._free(name, method_named(name).defaults(self.modalities, self.epochs))

    def _free(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is left to choose; fusion_weights fix the weight of every modality."""
        fixed = set(self.fixed[name])
        if "fusion_weights" in fixed:
            fixed |= {WEIGHT + modality for modality in self.modalities}
        return {key: value for key, value in values.items() if key not in fixed}

    def config(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """All settings that shape a trial's result, but its seed, data and protocol."""
        return {**self.base, **self.fixed[name], **params, "epochs": self.epochs}


def search(outline: Outline, ledger: Ledger) -> list[StagePlan]:
    """The published defaults first, then what TPE draws."""
    return [
        StagePlan("search", name, _searches(outline, ledger, name), _searcher(outline, ledger, name))
        for name in outline.methods
    ]


def confirm(outline: Outline, ledger: Ledger) -> list[StagePlan]:
    """Each method's best configuration on fresh seeds, by every protocol asked for."""
    plans = []
    for name, best in _incumbents(outline, ledger):
        wanted = [
            Proposal(best.config, CONFIRM_SEED + seed, protocol)
            for seed in range(outline.seeds)
            for protocol in outline.protocols
        ]
        plans.append(_listed("confirm", name, wanted, ledger))
    return plans


def sensitivity(outline: Outline, ledger: Ledger) -> list[StagePlan]:
    """One hyperparameter at a time around the incumbent; the incumbent itself belongs to every sweep."""
    plans = []
    for name, best in _incumbents(outline, ledger):
        sweeps = outline.sweeps.get(name, {})
        changed = [{**best.config, key: value} for key, values in sweeps.items() for value in values]
        configs = [best.config, *changed] if changed else []
        wanted = [Proposal(config, SWEEP_SEED + seed) for seed in range(outline.seeds) for config in configs]
        plans.append(_listed("sensitivity", name, wanted, ledger))
    return plans


PLANS: Mapping[str, Callable[[Outline, Ledger], list[StagePlan]]] = {
    "search": search,
    "confirm": confirm,
    "sensitivity": sensitivity,
}


def _incumbents(outline: Outline, ledger: Ledger) -> list[tuple[str, Record]]:
    records = ledger.records("search")
    found = [(name, incumbent(records, name)) for name in outline.methods]
    return [(name, best) for name, best in found if best is not None]


def _searches(outline: Outline, ledger: Ledger, name: str) -> int:
    """As many trials as asked for, or those there are if an earlier start came to the end of the space."""
    return ledger.count("search", name) if name in outline.exhausted else outline.trials


def _searcher(outline: Outline, ledger: Ledger, name: str) -> Callable[[int, int], Proposal | None]:
    """Propose the n-th configuration of a search.

    The draw is seeded by the number alone: while TPE still draws at random, all methods see the same learning
    rates, and what differs between them is the method.
    """
    space = distributions(outline.space(name))
    sampler = TrialSampler(ledger, "search", name, space)
    first = outline.defaults(name)

    def propose(number: int, draw: int) -> Proposal | None:
        if number == 0 and draw == 0 and first.keys() == space.keys():
            params = first
        elif space:
            params = sampler.draw(number, draw)
        else:
            return None  # everything is fixed: there is one configuration, and it has been proposed
        return Proposal(outline.config(name, params), seed=0, params=params, distributions=space)

    return propose


def _listed(stage: str, name: str, wanted: list[Proposal], ledger: Ledger) -> StagePlan:
    """StagePlan the proposals that the ledger does not have yet, each once."""
    keyed = {trial_key(stage, name, proposal, ledger.digest): proposal for proposal in wanted}
    missing = [proposal for key, proposal in keyed.items() if key not in ledger]
    begun = ledger.count(stage, name)
    return StagePlan(stage, name, begun + len(missing), lambda number, draw: missing[number - begun])
