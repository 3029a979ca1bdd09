"""The stages of a study as plans: which trials each of them asks of every method."""

from collections.abc import Callable, Mapping

from study.analysis.selection import incumbent
from study.records.ledger import Ledger
from study.records.trial_record import Proposal, Record, trial_key
from study.running.sampling import TrialSampler, distributions
from study.running.stage_run import StagePlan
from study.settings import StudySettings

CONFIRM_SEED, SWEEP_SEED = 1000, 2000
"""First seeds of two stages, far apart: a configuration is confirmed on seeds that it was not chosen on."""


def search(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """The published defaults first, then what TPE draws."""
    return [
        StagePlan("search", method, _searches(settings, ledger, method), _searcher(settings, ledger, method))
        for method in settings.methods
    ]


def confirm(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """Each method's best configuration on fresh seeds, by every protocol asked for."""
    plans = []
    for best in _incumbents(settings, ledger):
        wanted = [
            Proposal(best.config, CONFIRM_SEED + seed, protocol)
            for seed in range(settings.budget.seeds)
            for protocol in settings.protocols
        ]
        plans.append(_listed("confirm", best.method, wanted, ledger))
    return plans


def sensitivity(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """One hyperparameter at a time around the incumbent; the incumbent itself belongs to every sweep."""
    plans = []
    for best in _incumbents(settings, ledger):
        sweeps = settings.sweeps.get(best.method, {})
        changed = [{**best.config, key: value} for key, values in sweeps.items() for value in values]
        configs = [best.config, *changed] if changed else []
        seeds = range(SWEEP_SEED, SWEEP_SEED + settings.budget.seeds)
        wanted = [Proposal(config, seed) for seed in seeds for config in configs]
        plans.append(_listed("sensitivity", best.method, wanted, ledger))
    return plans


PLANS: Mapping[str, Callable[[StudySettings, Ledger], list[StagePlan]]] = {
    "search": search,
    "confirm": confirm,
    "sensitivity": sensitivity,
}


def _incumbents(settings: StudySettings, ledger: Ledger) -> list[Record]:
    """The best search trial of each method that has one."""
    records = ledger.records("search")
    incumbents = [incumbent(records, method) for method in settings.methods]
    return [best for best in incumbents if best is not None]


def _searches(settings: StudySettings, ledger: Ledger, method: str) -> int:
    """As many trials as asked for, or those there are if an earlier start came to the end of the space."""
    return ledger.count("search", method) if method in settings.exhausted else settings.budget.trials


def _searcher(settings: StudySettings, ledger: Ledger, method: str) -> Callable[[int, int], Proposal | None]:
    """Propose the n-th configuration of a search.

    The draw is seeded by the number alone: while TPE still draws at random, all methods see the same learning
    rates, and what differs between them is the method.
    """
    space = distributions(settings.space(method))
    first = settings.defaults(method)
    sampler = TrialSampler(ledger, "search", method, space)

    def propose(number: int, draw: int) -> Proposal | None:
        if number == 0 and draw == 0 and first.keys() == space.keys():
            params = first
        elif space:
            params = sampler.draw(number, draw)
        else:
            return None  # everything is fixed: there is one configuration, and it has been proposed
        return Proposal(settings.config(method, params), seed=0, params=params, distributions=space)

    return propose


def _listed(stage: str, method: str, wanted: list[Proposal], ledger: Ledger) -> StagePlan:
    """Plan the proposals that the ledger does not have yet, each once."""
    keyed = {trial_key(stage, method, proposal, ledger.digest): proposal for proposal in wanted}
    missing = [proposal for key, proposal in keyed.items() if key not in ledger]
    begun = ledger.count(stage, method)
    return StagePlan(stage, method, begun + len(missing), lambda number, draw: missing[number - begun])
