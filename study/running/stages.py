"""The stages of a study as plans: which trials each of them asks of every method."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.comparisons import Comparison, with_baseline
from study.analysis.selection import completed, incumbent, ranked
from study.analysis.sequential import LOOKS, Verdict, verdict
from study.analysis.statistics import ALPHA
from study.methods import BASELINE
from study.records.ledger import Ledger
from study.records.trial_record import Proposal, Record, trial_key
from study.running.sampling import TrialSampler, distributions, startup_trials
from study.running.stage_run import StagePlan
from study.settings import BASELINE_SHARE, StudySettings

CONFIRM_SEED, SWEEP_SEED, FINALIST_SEED = 1000, 2000, 3000
"""First seeds of three stages, far apart: a configuration is judged on seeds that it was not chosen on."""
FINALIST_SEEDS: Final = 3
TRANSFERRED: Final = 3
"""Learning rates of the baseline's best trials at which every other method tries its published values."""


def baseline_search(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """The baseline's search, which comes first: the others begin at the learning rates that it likes."""
    return [_search(settings, ledger, method) for method in settings.methods if method == BASELINE]


def search(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """Every other method: its published values, the same at the baseline's best learning rates, then TPE."""
    return [_search(settings, ledger, method) for method in settings.methods if method != BASELINE]


def final(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """The best configurations of each search on fresh seeds: the best of many single runs is often luck."""
    records, plans = ledger.records("search"), []
    for method in settings.methods:
        chosen = ranked(completed(records, "search", method))[: settings.budget.finalists]
        seeds = range(FINALIST_SEED, FINALIST_SEED + FINALIST_SEEDS)
        wanted = [Proposal(trial.config, seed) for seed in seeds for trial in chosen]
        plans.append(_listed("finalists", method, wanted, ledger))
    return plans


def confirm(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """Each method's best configuration on fresh seeds by every protocol, then its published values."""
    plans = []
    for best in _incumbents(settings, ledger):
        seeds = range(settings.seeds_of(best.method))
        wanted = [_confirmed(settings, best.config, n, name) for n in seeds for name in settings.protocols]
        published = settings.published(best.method, best.config.get("lr"))
        if settings.confirms_published and published is not None:
            first = settings.protocols[0]
            wanted += [_confirmed(settings, published, n, first) for n in range(settings.budget.seeds)]
        plans.append(_listed("confirm", best.method, wanted, ledger))
    return plans


def more_seeds(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """The next look at every method that the last one left open, and twice as many seeds of the baseline.

    Only where the budget allows more seeds. How many a method has had tells at which look it is.
    """
    if settings.budget.most_seeds is None:
        return []
    chosen = ChosenRuns(settings, ledger.records())
    wanted = {one.method: _seeds_after(chosen, one) for one in with_baseline(chosen)}
    wanted[BASELINE] = max([settings.seeds_of(BASELINE), *(BASELINE_SHARE * n for n in wanted.values())])
    plans = []
    for method, best in chosen.incumbents.items():
        seeds = range(wanted.get(method, 0))
        runs = [_confirmed(settings, best.config, n, name) for n in seeds for name in settings.protocols]
        plans.append(_listed("confirm", method, runs, ledger))
    return plans


def _seeds_after(chosen: ChosenRuns, comparison: Comparison) -> int:
    """Seeds that a method is to have: those it has, or those of the next look, or of one that was begun."""
    begun = chosen.seeds_begun(comparison.method)
    if begun in LOOKS:
        said = verdict(comparison.test, begun, alpha=ALPHA / comparison.family)
        if said is not Verdict.GO_ON:
            return begun
    return next((look for look in LOOKS if look > begun), begun)


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


Planner = Callable[[StudySettings, Ledger], list[StagePlan]]

WAVES: Final[Sequence[Sequence[tuple[str, Planner]]]] = (
    (("search", baseline_search),),
    (("search", search),),
    (("finalists", final),),
    (("confirm", confirm), ("sensitivity", sensitivity)),
    *[(("confirm", more_seeds),)] * (len(LOOKS) - 1),
)
"""Stages with what they ask for. A wave rests on what the waves before have found, and on nothing of its own;
stages of one wave run together."""


def _incumbents(settings: StudySettings, ledger: Ledger) -> list[Record]:
    """The configuration of each method that is confirmed, as its search trial, where there is one."""
    records = [*ledger.records("search"), *ledger.records("finalists")]
    incumbents = [incumbent(records, method) for method in settings.methods]
    return [best for best in incumbents if best is not None]


def _search(settings: StudySettings, ledger: Ledger, method: str) -> StagePlan:
    """As many trials as asked for, or those there are if an earlier start came to the end of the space."""
    begun = ledger.count("search", method)
    count = begun if method in settings.exhausted else settings.budget.trials
    return StagePlan("search", method, count, _searcher(settings, ledger, method))


def _searcher(settings: StudySettings, ledger: Ledger, method: str) -> Callable[[int, int], Proposal | None]:
    """Propose the n-th configuration of a search.

    The draw is seeded by the number alone: while TPE still draws at random, methods of the same space see the
    same configurations, and what differs between them is the method.
    """
    space = distributions(settings.space(method))
    begins = [first for first in _begins(settings, ledger, method) if first.keys() == space.keys()]
    sampler = TrialSampler(ledger, "search", method, space, startup_trials(settings.budget.trials))

    def propose(number: int, draw: int) -> Proposal | None:
        if number < len(begins) and draw == 0:
            params = begins[number]
        elif space:
            params = sampler.draw(number, draw)
        else:
            return None  # everything is fixed: there is one configuration, and it has been proposed
        return Proposal(settings.config(method, params), seed=0, params=params, distributions=space)

    return propose


def _begins(settings: StudySettings, ledger: Ledger, method: str) -> list[dict[str, Any]]:
    """The published values; where the method is not the baseline also at the baseline's learning rates."""
    published = settings.defaults(method)
    if method == BASELINE or "lr" not in published:
        return [published]
    tried = ranked(completed(ledger.records("search"), "search", BASELINE))
    rates = dict.fromkeys(trial.config["lr"] for trial in tried if "lr" in trial.config)
    others = [rate for rate in rates if rate != published["lr"]]
    return [published, *({**published, "lr": rate} for rate in others[:TRANSFERRED])]


def _confirmed(settings: StudySettings, config: Mapping[str, Any], number: int, protocol: str) -> Proposal:
    """The run of a configuration on the n-th seed, and on its fold where people are divided into folds."""
    folded = settings.folds if protocol == "clean" else ()
    split = {"split": folded[number % len(folded)]} if folded else {}
    return Proposal({**config, **split}, CONFIRM_SEED + number, protocol)


def _listed(stage: str, method: str, wanted: list[Proposal], ledger: Ledger) -> StagePlan:
    """Plan the proposals that the ledger does not have yet, each once."""
    keyed = {trial_key(stage, method, proposal, ledger.digest): proposal for proposal in wanted}
    missing = [proposal for key, proposal in keyed.items() if key not in ledger]
    begun = ledger.count(stage, method)
    return StagePlan(stage, method, begun + len(missing), lambda number, draw: missing[number - begun])
