"""The stages of a study as plans: which trials each of them asks of every method."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from optuna.distributions import BaseDistribution

from search_spaces.space import holds
from study.analysis.chosen_runs import ChosenRuns
from study.analysis.comparisons import Comparison, with_baseline
from study.analysis.selection import completed, incumbent, ranked
from study.analysis.sequential import LOOK_SEEDS, Verdict, after_look
from study.analysis.statistics import ALPHA
from study.analysis.sweeps import hashable
from study.methods import BASELINE
from study.records.ledger import Ledger
from study.records.trial_record import Proposal, Record, trial_key
from study.running.sampling import TrialSampler, distributions, recorded, shows, startup_trials
from study.running.stage_run import StagePlan
from study.settings import BASELINE_SHARE, StudySettings

CONFIRM_SEED, SWEEP_SEED, FINALIST_SEED, SURFACE_SEED = 1000, 2000, 3000, 4000
"""First seeds of stages, far apart: a configuration is judged on seeds that it was not chosen on."""
FINALIST_SEEDS: Final = 3
TRANSFERRED: Final = 3
"""Learning rates of the baseline's best trials at which every other method tries its published values."""


def plans(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """All that can be asked for by now, in the order of the stages.

    A method goes on to its next stage when its own trials have ended, whatever the others are at: no place
    waits for the last trial of a stage. Seeds are added when all methods have come to their end.
    """
    asked = [plan for method in settings.methods for plan in _chain(settings, ledger, method)]
    if all(ended(plan, ledger) for plan in asked):
        asked += more_seeds(settings, ledger)
    return sorted(asked, key=lambda plan: settings.stages.index(plan.stage))


def ended(plan: StagePlan, ledger: Ledger) -> bool:
    """Whether all trials that a plan asks for have ended."""
    begun = ledger.records(plan.stage, plan.method)
    return len(begun) >= plan.count and all(record.finished for record in begun)


def reopen_failed(settings: StudySettings, ledger: Ledger) -> int:
    """Let trials that failed go on; returns how many do."""
    return sum(ledger.reopen(record.key) for record in reopenable(settings, ledger))


def reopenable(settings: StudySettings, ledger: Ledger) -> list[Record]:
    """Trials that failed, unless a later step of their method has begun, which rests on them."""
    return [
        record
        for method in settings.methods
        for place, step in enumerate(CHAIN)
        if not any(ledger.count(stage, method) for later in CHAIN[place + 1 :] for stage in later)
        for stage in step
        for record in ledger.records(stage, method)
        if record.status == "failed"
    ]


def search(settings: StudySettings, ledger: Ledger, method: str) -> StagePlan:
    """A method's published values, the same at the baseline's best learning rates, then TPE.

    Until the baseline is searched only the published values can be begun.
    """
    begun = ledger.count("search", method)
    count = begun if method in settings.exhausted else settings.budget.trials
    plan = StagePlan("search", method, count, _searcher(settings, ledger, method))
    if method == BASELINE or BASELINE not in settings.methods:
        return plan
    return plan if ended(search(settings, ledger, BASELINE), ledger) else replace(plan, free=1)


def finalists(settings: StudySettings, ledger: Ledger, method: str) -> StagePlan:
    """The best configurations of a search on fresh seeds: the best of many single runs is often luck."""
    trials = completed(ledger.records("search", method), "search", method)
    chosen = ranked(trials)[: settings.budget.finalists]
    seeds = range(FINALIST_SEED, FINALIST_SEED + FINALIST_SEEDS)
    wanted = [Proposal(trial.config, seed) for seed in seeds for trial in chosen]
    return _shown(settings, "finalists", method, wanted, ledger)


def confirm(settings: StudySettings, ledger: Ledger, method: str) -> StagePlan:
    """A method's best configuration on fresh seeds by every protocol, then its published values."""
    best = _incumbent(ledger, method)
    config = None if best is None else best.config
    wanted = _on_seeds(settings, method, config, _seeds_by_now(settings, ledger, method))
    published = config and settings.published(method, config.get("lr"))
    if published and settings.repeats_published(method):
        first = settings.protocols[0]
        values = settings.confirmed(method, first, published) or published
        wanted += [_confirmed(settings, values, n, first) for n in range(settings.budget.seeds)]
    return _shown(settings, "confirm", method, wanted, ledger)


def _seeds_by_now(settings: StudySettings, ledger: Ledger, method: str) -> int:
    """Seeds that a method has been asked for: a look that was begun is taken to its end."""
    if settings.budget.most_seeds is None:
        return settings.seeds_of(method)
    begun = len({record.seed for record in ledger.records("confirm", method)})
    looks = [look * (BASELINE_SHARE if method == BASELINE else 1) for look in LOOK_SEEDS]
    return next((look for look in looks if look >= begun), begun)


def more_seeds(settings: StudySettings, ledger: Ledger) -> list[StagePlan]:
    """The next look at every method that the last one left open, and twice as many seeds of the baseline.

    Only where the budget allows more seeds. How many a method has had tells at which look it is; the main
    protocol's difference decides.
    """
    if settings.budget.most_seeds is None or "confirm" not in settings.stages:
        return []
    chosen = ChosenRuns(settings, ledger.records())
    main = [one for one in with_baseline(chosen) if one.protocol == chosen.protocols[0]]
    wanted = {comparison.method: _seeds_after(chosen, comparison) for comparison in main}
    wanted[BASELINE] = max([settings.seeds_of(BASELINE), *(BASELINE_SHARE * n for n in wanted.values())])
    best = {m: chosen.incumbents[m].config if m in chosen.incumbents else None for m in settings.methods}
    runs = {m: _on_seeds(settings, m, config, wanted.get(m, 0)) for m, config in best.items()}
    return [_shown(settings, "confirm", method, listed, ledger) for method, listed in runs.items()]


def _seeds_after(chosen: ChosenRuns, comparison: Comparison) -> int:
    """Seeds that a method is to have: those it has, or those of the next look, or of one that was begun."""
    begun = chosen.seeds_begun(comparison.method)
    alpha = ALPHA / comparison.family
    if begun in LOOK_SEEDS and after_look(comparison.test, begun, alpha=alpha) is not Verdict.GO_ON:
        return begun
    return next((look for look in LOOK_SEEDS if look > begun), begun)


def sensitivity(settings: StudySettings, ledger: Ledger, method: str) -> StagePlan:
    """One hyperparameter at a time around the incumbent; the incumbent itself belongs to every sweep."""
    best, sweeps = _incumbent(ledger, method), settings.sweeps.get(method, {})
    if best is None or not any(sweeps.values()):
        return _listed("sensitivity", method, [], ledger)
    changed = [{**best.config, key: value} for key, values in sweeps.items() for value in values]
    seeds = range(SWEEP_SEED, SWEEP_SEED + settings.budget.seeds)
    wanted = [Proposal(config, seed) for seed in seeds for config in (best.config, *changed)]
    return _shown(settings, "sensitivity", method, wanted, ledger)


def surface(settings: StudySettings, ledger: Ledger, method: str) -> StagePlan:
    """The points of a design over all that is searched of a method, whatever the search has found.

    One seed serves all points, so that no two differ by it. What a run owes to chance differs from point to
    point all the same, and a further point tells more of a surface than a second run of an earlier one.
    """
    space = distributions(settings.space(method))
    wanted = [
        Proposal(settings.config(method, point), SURFACE_SEED, params=point, distributions=space)
        for point in settings.surface(method)
    ]
    return _listed("surface", method, wanted, ledger)


Planner = Callable[[StudySettings, Ledger, str], StagePlan]

CHAIN: Final[Sequence[Mapping[str, Planner]]] = (
    {"search": search},
    {"finalists": finalists},
    {"confirm": confirm, "sensitivity": sensitivity, "surface": surface},
)
"""What is asked of a method, step after step: each rests on what the steps before have found."""


def _chain(settings: StudySettings, ledger: Ledger, method: str) -> list[StagePlan]:
    """The plans of a method up to the first step that has not ended."""
    asked: list[StagePlan] = []
    for step in CHAIN:
        planned = [step[stage](settings, ledger, method) for stage in step if stage in settings.stages]
        asked += planned
        if not all(ended(plan, ledger) for plan in planned):
            break
    return asked


def _incumbent(ledger: Ledger, method: str) -> Record | None:
    """The configuration that is confirmed, as its search trial, if there is one."""
    return incumbent([*ledger.records("search", method), *ledger.records("finalists", method)], method)


def _searcher(settings: StudySettings, ledger: Ledger, method: str) -> Callable[[int, int], Proposal | None]:
    """Propose the n-th configuration of a search.

    The draw is seeded by the number alone. While TPE still draws at random, methods of the same space see the
    same configurations: what differs between them is the method.
    """
    domains = settings.space(method)
    space = distributions(domains)
    begins = [first for first in _begins(settings, ledger, method) if holds(domains, first)]
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
    tried = ranked(completed(ledger.records("search", BASELINE), "search", BASELINE))
    rates = dict.fromkeys(trial.config["lr"] for trial in tried if "lr" in trial.config)
    others = [rate for rate in rates if rate != published["lr"]]
    return [published, *({**published, "lr": rate} for rate in others[:TRANSFERRED])]


def _on_seeds(
    settings: StudySettings, method: str, best: Mapping[str, Any] | None, count: int
) -> list[Proposal]:
    """Runs of a method's best configuration, or of its published recipe, on the first `count` seeds."""
    configs = {name: settings.confirmed(method, name, best) for name in settings.protocols}
    return [
        _confirmed(settings, config, n, name)
        for n in range(count)
        for name, config in configs.items()
        if config is not None
    ]


def _confirmed(settings: StudySettings, config: Mapping[str, Any], number: int, protocol: str) -> Proposal:
    """The run of a configuration on the n-th seed, and on its fold where people are divided into folds."""
    folded = settings.folds if protocol == "clean" else ()
    split = {"split": folded[number % len(folded)]} if folded else {}
    return Proposal({**config, **split}, CONFIRM_SEED + number, protocol)


def _shown(
    settings: StudySettings, stage: str, method: str, wanted: list[Proposal], ledger: Ledger
) -> StagePlan:
    """Plan proposals with the values of what is searched or swept where Optuna's plots look for them."""
    swept = {key: list(map(hashable, values)) for key, values in settings.sweeps.get(method, {}).items()}
    space = distributions(settings.space(method))
    runs = [{k: hashable(one.config[k]) for k in {**space, **swept} if k in one.config} for one in wanted]
    outside = [settings.defaults(method), *({key: value} for key in swept for value in swept[key])]
    held = recorded(space, [*outside, *runs])
    with_values = [_with_values(one, run, held) for one, run in zip(wanted, runs, strict=True)]
    return _listed(stage, method, with_values, ledger)


def _with_values(
    proposal: Proposal, values: Mapping[str, Any], held: Mapping[str, BaseDistribution]
) -> Proposal:
    params = {key: value for key, value in values.items() if shows(held[key], value)}
    return replace(proposal, params=params, distributions={key: held[key] for key in params})


def _listed(stage: str, method: str, wanted: list[Proposal], ledger: Ledger) -> StagePlan:
    """Plan the proposals that the ledger does not have yet, each once."""
    keyed = {trial_key(stage, method, proposal, ledger.digest): proposal for proposal in wanted}
    missing = [proposal for key, proposal in keyed.items() if key not in ledger]
    begun = ledger.count(stage, method)
    return StagePlan(stage, method, begun + len(missing), lambda number, draw: missing[number - begun])
