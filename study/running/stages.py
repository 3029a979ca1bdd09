"""The stages of a study as plans: which trials each of them asks of every method."""

from collections.abc import Callable, Mapping

from study.analysis.selection import incumbent
from study.records.ledger import Ledger, Proposal, Record, trial_key
from study.running.ray_bridge import Plan, distributions, sample
from study.settings import StudySettings

CONFIRM_SEED = (
    1000  # seeds of the stages do not meet: a configuration is confirmed on seeds it was not chosen on
)
SWEEP_SEED = 2000


def search(settings: StudySettings, ledger: Ledger) -> list[Plan]:
    """The published defaults first, then what TPE draws."""
    return [
        Plan("search", name, _searches(settings, ledger, name), _searcher(settings, ledger, name))
        for name in settings.methods
    ]


def confirm(settings: StudySettings, ledger: Ledger) -> list[Plan]:
    """Each method's best configuration on fresh seeds, by every protocol asked for."""
    plans = []
    for name, best in _incumbents(settings, ledger):
        wanted = [
            Proposal(best.config, CONFIRM_SEED + seed, protocol)
            for seed in range(settings.budget.seeds)
            for protocol in settings.protocols
        ]
        plans.append(_listed("confirm", name, wanted, ledger))
    return plans


def sensitivity(settings: StudySettings, ledger: Ledger) -> list[Plan]:
    """One hyperparameter at a time around the incumbent; the incumbent itself belongs to every sweep."""
    plans = []
    for name, best in _incumbents(settings, ledger):
        sweeps = settings.sweeps.get(name, {})
        changed = [{**best.config, key: value} for key, values in sweeps.items() for value in values]
        configs = [best.config, *changed] if changed else []
        wanted = [
            Proposal(config, SWEEP_SEED + seed) for seed in range(settings.budget.seeds) for config in configs
        ]
        plans.append(_listed("sensitivity", name, wanted, ledger))
    return plans


PLANS: Mapping[str, Callable[[StudySettings, Ledger], list[Plan]]] = {
    "search": search,
    "confirm": confirm,
    "sensitivity": sensitivity,
}


def _incumbents(settings: StudySettings, ledger: Ledger) -> list[tuple[str, Record]]:
    records = ledger.records("search")
    found = [(name, incumbent(records, name)) for name in settings.methods]
    return [(name, best) for name, best in found if best is not None]


def _searches(settings: StudySettings, ledger: Ledger, name: str) -> int:
    """As many trials as asked for, or those there are if an earlier start came to the end of the space."""
    return len(ledger.records("search", name)) if name in settings.exhausted else settings.budget.trials


def _searcher(settings: StudySettings, ledger: Ledger, name: str) -> Callable[[int, int], Proposal | None]:
    """Propose the n-th configuration of a search.

    The draw is seeded by the number alone: while TPE still draws at random, all methods see the same learning
    rates, and what differs between them is the method.
    """
    space = distributions(settings.space(name))
    first = settings.defaults(name)

    def propose(number: int, draw: int) -> Proposal | None:
        if number == 0 and draw == 0 and first.keys() == space.keys():
            params = first
        elif space:
            params = sample(ledger.frozen("search", name), space, number, draw)
        else:
            return None  # everything is fixed: there is one configuration, and it has been proposed
        return Proposal(settings.config(name, params), seed=0, params=params, distributions=space)

    return propose


def _listed(stage: str, name: str, wanted: list[Proposal], ledger: Ledger) -> Plan:
    """Plan the proposals that the ledger does not have yet, each once."""
    keyed = {trial_key(stage, name, proposal, ledger.digest): proposal for proposal in wanted}
    missing = [proposal for key, proposal in keyed.items() if key not in ledger]
    born = len(ledger.records(stage, name))
    return Plan(stage, name, born + len(missing), lambda number, draw: missing[number - born])
