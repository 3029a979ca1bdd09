"""What the searches found: every trial in order, the best configurations, and which settings mattered."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd
from matplotlib.figure import Figure

from study.analysis import trial_tables
from study.analysis.edges import Edge
from study.analysis.importance import MINIMUM_TRIALS, Importance
from study.analysis.results import Results
from study.records.trial_record import Record
from study.reporting import wording
from study.reporting.drawing import legends, marks, style
from study.reporting.section import Card, Drawn, Section, Table, looks

HISTORY = (
    "Best validation score each search trial reached before it ended, in the order of proposal. Pruned "
    "trials were stopped early, so their values are of fewer epochs; diverged and failed ones stand at "
    "the foot. The line is the best completed trial so far; the incumbent is one of the best, chosen on "
    "fresh seeds."
)
IMPORTANCE = (
    "A second opinion, biased by the search. PED-ANOVA: which hyperparameters decide whether a completed "
    "trial is among the best quarter. The black marks are the noise floor, the same computation with the "
    "trial values permuted: its mean, and a tick that any of a method's bars passes in 5 of 100 cases, but "
    "never below 10 %. A bar that does not pass its tick stands for nothing. The trials were chosen by the "
    "sampler, which biases the shares towards what it explored. The stage `surface` has no such bias."
)
OPTIMISTIC = "Validation scores of these trials are optimistic: the trials were chosen for them."


class Search(Section):
    """The search stage."""

    name = "search"
    title = "Search"

    def cards(self, results: Results) -> list[Card]:
        """Best values at the ends of their ranges."""
        label = results.settings.label
        edges = [f"{_at_edge(results, edge)} of {label(edge.method)}" for edge in results.edges]
        if not edges:
            return []
        narrow = "the range may be too narrow."
        return [Card("Best values at the edge of their range", f"{wording.listing(edges)}; {narrow}")]

    def figures(self, results: Results) -> list[Drawn]:
        """Trials in order, and importances."""
        rows = trial_tables.trials([trial for trial in results.chosen.records if trial.stage == "search"])
        drawn = []
        if rows["value"].notna().any():
            figure = _history(results, trial_tables.best_so_far(rows))
            drawn.append(Drawn("search_history", HISTORY, figure, _best_seen(results)))
        if results.importances:
            seen = _shares_seen(results)
            drawn.append(Drawn("importance", IMPORTANCE, _importance(results), seen))
        return drawn

    def tables(self, results: Results) -> list[Table]:
        """The configurations that won."""
        score = f"Validation {wording.metric(results.settings.judged_by.name)}"
        heads = ["Method", "Trial", score, "Configuration"]
        rows = [_incumbent(results, best) for best in results.chosen.incumbents.values()]
        return [Table("Best configurations", heads, rows, " ".join([OPTIMISTIC, *_left_out(results)]))]

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """Shares of importance with their noise."""
        shares = results.importances.items()
        rows = [{"method": method} | asdict(share) for method, each in shares for share in each]
        return {"importance": pd.DataFrame(rows)}


def _incumbent(results: Results, best: Record) -> list[str]:
    notation = results.settings.method(best.method).search.notation
    settings = [wording.setting(wording.symbol(k, notation), v) for k, v in best.config.items()]
    label = results.settings.label(best.method)
    judged_by = results.settings.judged_by
    score = wording.score(None if best.value is None else judged_by.score(best.value), judged_by.name)
    return [label, str(best.number), score, ", ".join(settings)]


def _at_edge(results: Results, edge: Edge) -> str:
    notation = results.settings.method(edge.method).search.notation
    end = "upper" if edge.is_upper else "lower"
    return f"{wording.setting(wording.symbol(edge.key, notation), edge.value)} ({end} end)"


def _left_out(results: Results) -> list[str]:
    """Importances that would be noise."""
    counts = {method: len(trials) for method, trials in results.chosen.searched.items()}
    few = [results.settings.label(method) for method, number in counts.items() if 0 < number < MINIMUM_TRIALS]
    if not few:
        return []
    need = f"Importances need {MINIMUM_TRIALS} completed search trials of a method"
    return [f"{need}; fewer have {wording.listing(few)}."]


def _best_seen(results: Results) -> str:
    """What each search found."""
    judged_by = results.settings.judged_by
    found = {method: judged_by.score(tuned.first) for method, tuned in results.tunings.items()}
    reached = {
        results.settings.label(method): wording.score(best, judged_by.name) for method, best in found.items()
    }
    return f"Best validation score: {wording.readings(reached) or 'none'}."


def _shares_seen(results: Results) -> str:
    """Every share, and whether it passes its noise."""
    lines = []
    for method, shares in results.importances.items():
        symbols = _symbols(results, method, shares)
        read = {s: wording.percent(share.share) for s, share in zip(symbols, shares, strict=True)}
        above = [s for s, share in zip(symbols, shares, strict=True) if share.stands_out]
        passed = f"above the noise: {wording.listing(above)}" if above else "none is above the noise"
        lines.append(f"{results.settings.label(method)}: {wording.readings(read)}; {passed}.")
    return " ".join(lines)


def _history(results: Results, trials: pd.DataFrame) -> Figure:
    """Score of every search trial, and the best completed one so far, a panel per method."""
    sign = results.settings.judged_by.sign
    trials = trials.assign(value=sign * trials["value"], best=sign * trials["best"])
    methods = list(dict.fromkeys(trials["method"]))
    figure, panels = style.panels(style.PAGE if len(methods) > 1 else style.COLUMN, len(methods))
    for axes, method in zip(panels, methods, strict=True):
        marks.trials(axes, trials[trials["method"] == method])
        axes.set_title(wording.broken(results.settings.label(method)))
    style.alike(panels)
    metric = results.settings.judged_by.name
    for axes in panels:
        style.scored(axes, metric)
    label = wording.with_unit(f"best validation {wording.metric(metric)}", metric, "%")
    style.outer(panels, label, "search trial")
    figure.suptitle("Search trials")
    legends.legend(figure, [], legends.ending_keys(list(trials["status"])))
    return figure


def _importance(results: Results) -> Figure:
    """Share of every hyperparameter, beside what the same trials give with their values permuted."""
    shares = results.importances
    figure, panels = style.stacked([len(each) for each in shares.values()])
    look_of = looks(results, shares)
    for axes, (method, each) in zip(panels, shares.items(), strict=True):
        marks.shares(axes, each, _symbols(results, method, each), look_of[method].colour)
        axes.set_title(look_of[method].label)
    style.outer(panels, "", "share of importance (%)")
    legends.legend(figure, [], legends.share_keys())
    return figure


def _symbols(results: Results, method: str, shares: Sequence[Importance]) -> list[str]:
    notation = results.settings.method(method).search.notation
    return [wording.symbol(share.key, notation) for share in shares]
