"""Whether every trial that a study asked for exists and has ended well."""

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.selection import again
from study.analysis.sweeps import Sweeps, hashable


def complete(chosen: ChosenRuns, sweeps: Sweeps) -> bool:
    """Whether every trial that was asked for exists and has ended without failing."""
    if not chosen.records or any(record.status in ("running", "failed") for record in chosen.records):
        return False
    asked = {
        "search": _searched,
        "finalists": _final,
        "confirm": _confirmed,
        "sensitivity": _swept,
        "surface": _mapped,
    }
    return all(
        asked[stage](chosen, method, sweeps)
        for stage in chosen.stages
        if stage in asked
        for method in chosen.methods
    )


def _searched(chosen: ChosenRuns, method: str, _: Sweeps) -> bool:
    """All trials asked for, or fewer where the search noted that the space holds no more."""
    searched = len(chosen.trials("search", method))
    return method in chosen.settings.exhausted or searched >= chosen.settings.budget.trials


def _final(chosen: ChosenRuns, method: str, _: Sweeps) -> bool:
    """Every finalist has been run again, however its runs ended."""
    runs = chosen.trials("finalists", method)
    return all(again(trial, runs) for trial in chosen.finalists(method))


def _confirmed(chosen: ChosenRuns, method: str, _: Sweeps) -> bool:
    per_protocol = [len(chosen.begun(method, protocol)) for protocol in chosen.protocols]
    return all(number >= chosen.settings.seeds_of(method) for number in per_protocol)


def _swept(chosen: ChosenRuns, method: str, sweeps: Sweeps) -> bool:
    asked = chosen.settings.sweeps.get(method, {})
    ran = {
        (key, tried.value): len(tried.seeds) + len(tried.lost)
        for key, sweep in sweeps[method].items()
        for tried in sweep.values
    }
    seeds = chosen.settings.budget.seeds
    wanted = [(key, hashable(value)) for key, values in asked.items() for value in values]
    return all(ran.get(entry, 0) >= seeds for entry in wanted)


def _mapped(chosen: ChosenRuns, method: str, _: Sweeps) -> bool:
    """Every point of the surface has been run, however its run ended."""
    return len(chosen.trials("surface", method)) >= len(chosen.settings.surface(method))
