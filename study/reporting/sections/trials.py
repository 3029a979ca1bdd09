"""How many trials there were, why some ended early, what all of them cost, and every one of them as csv."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from study.analysis import trial_tables
from study.analysis.results import Results
from study.records.trial_record import Record
from study.reporting import wording
from study.reporting.section import Card, Section, Table

MACHINES = (
    "A trial counts on every type that it ran on. Types may differ in the last bits of what they compute, "
    "and so may a trial that moved between them from one that stayed"
)
MANY_LOST = 0.2
"""Share of a method's search trials: where more are lost, its space may be too wide for these data."""
COUNTS = ("trials", "completed", "pruned", "diverged", "failed")


class Trials(Section):
    """Trials of all stages."""

    name = "trials"
    title = "Trials and cost"

    def cards(self, results: Results) -> list[Card]:
        """Methods whose search lost many trials."""
        shares = {m: _lost(results.chosen.trials("search", m)) for m in results.methods}
        many = [
            f"{wording.percent(share)} of the search of {results.settings.label(method)}"
            for method, share in shares.items()
            if share > MANY_LOST
        ]
        return [Card("Trials diverged or failed", f"{wording.listing(many)}.")] if many else []

    def tables(self, results: Results) -> list[Table]:
        """Endings by stage, their reasons, processor hours, and types of machines if there were several."""
        return [_stages(results), _reasons(results), _costs(results), _machines(results)]

    def csv(self, results: Results) -> dict[str, pd.DataFrame]:
        """Every trial, epoch and modality."""
        records = results.chosen.records
        return {
            "trials": trial_tables.trials(records),
            "epochs": trial_tables.epochs(records),
            "modalities": trial_tables.modalities(records),
        }


def _lost(trials: Sequence[Record]) -> float:
    """Share of trials that diverged or failed."""
    return sum(trial.status in ("diverged", "failed") for trial in trials) / max(len(trials), 1)


def _stages(results: Results) -> Table:
    heads = ["Stage", *(name.capitalize() for name in COUNTS), "Training time"]
    rows = [
        [stage, *(str(counts[name]) for name in COUNTS), wording.duration(counts["seconds"] / 3600)]
        for stage, counts in results.summary["stages"].items()
        if counts["trials"]
    ]
    return Table("Trials by stage", heads, rows)


def _reasons(results: Results) -> Table:
    """Why trials ended early, equal reasons counted together."""
    label = results.settings.label
    early = [r for r in results.chosen.records if r.status in ("pruned", "diverged", "failed")]
    counts = Counter((r.stage, label(r.method), r.status, r.reason or wording.NO_REASON) for r in early)
    rows = [[*ending, str(number)] for ending, number in sorted(counts.items())]
    return Table("Trials that ended early", ["Stage", "Method", "Ending", "Reason", "Trials"], rows)


def _costs(results: Results) -> Table:
    cost = results.summary["cost"]
    row = [f"{cost['cpu_hours']:.3f}", f"{cost['gpu_hours']:.3f}"]
    return Table("Cost of all numbers in this report", ["CPU-hours", "GPU-hours"], [row])


def _machines(results: Results) -> Table:
    """Trials on each type of machine; no rows where there was one."""
    ran_on = [record.machines for record in results.chosen.records]
    counts = Counter(machine for machines in ran_on for machine in machines)
    rows = [[machine, str(number)] for machine, number in counts.most_common()] if len(counts) > 1 else []
    moved = sum(len(machines) > 1 for machines in ran_on)
    note = f"{MACHINES}. {wording.count(moved, 'trial')} moved."
    return Table("Types of machines", ["Machine", "Trials"], rows, note)
