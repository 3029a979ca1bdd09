"""What early stopping saved and cost: do rungs tell the end, and would stopped trials have been better?"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from statistics import fmean

import pandas as pd

from study.analysis.early_stopping import EarlyStopping, Rung, early_stopping
from study.analysis.results import Results
from study.reporting import wording
from study.reporting.section import Section, Table

HEADS = ["Method", "Trials", "Stopped", "Epochs saved", "Spared", "Better than the incumbent"]
RANKS = (
    "Spearman's rank correlation of the best score up to an epoch with that at the end, and how many "
    "trials ASHA stopped there. It is over the trials that ran to their end: those that were stopped are "
    "missing unless they were spared, which lowers it."
)
COSTS = (
    "Spared trials are those that ASHA would have stopped and that were let run. They are compared with the "
    "incumbent, which is chosen as if they had been stopped. The regret is the mean of what stopping them "
    "would have lost, 0 for those that ended no better than the incumbent."
)


class EarlyStoppingCost(Section):
    """Search trials that ASHA judged."""

    name = "early-stopping"
    title = "Early stopping"

    def tables(self, results: Results) -> Iterable[Table]:
        """Rungs of every method, then what stopping saved and cost where it stopped any trial."""
        methods = early_stopping(results.chosen)
        ranked = [method for method in methods if any(r.correlation is not None for r in method.rungs)]
        epochs = [f"Epoch {rung.epoch}" for rung in methods[0].rungs] if methods else []
        ranks = [_ranks(results, method) for method in ranked]
        yield Table("Do rungs tell the end?", ["Method", "Trials to the end", *epochs], ranks, RANKS)
        costs = [_costs(results, method) for method in methods if method.stopped]
        regret = wording.with_unit("Regret", results.settings.judged_by.name, "points")
        yield Table("What stopping saved and cost", [*HEADS, regret], costs, COSTS)

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """A row per method and rung."""
        methods = early_stopping(results.chosen)
        rows = [{"method": method.method} | asdict(rung) for method in methods for rung in method.rungs]
        return {"early_stopping": pd.DataFrame(rows)}


def _ranks(results: Results, method: EarlyStopping) -> list[str]:
    ranked = method.rungs[0].ranked
    return [results.settings.label(method.method), str(ranked), *(_rank(rung) for rung in method.rungs)]


def _rank(rung: Rung) -> str:
    correlation = wording.NONE if rung.correlation is None else f"{rung.correlation:.2f}"
    return f"{correlation}, {rung.stopped} stopped" if rung.stopped else correlation


def _costs(results: Results, method: EarlyStopping) -> list[str]:
    regrets = [max(0.0, regret) for regret in method.regrets]
    return [
        results.settings.label(method.method),
        str(method.trials),
        str(method.stopped),
        wording.percent(method.saved),
        str(len(regrets)),
        str(sum(regret > 0 for regret in regrets)) if regrets else wording.NONE,
        wording.number(fmean(regrets), results.settings.judged_by.name) if regrets else wording.NONE,
    ]
