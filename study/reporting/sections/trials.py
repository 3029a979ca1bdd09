"""How many trials there were, why some ended early, what all of them cost, and every one of them as csv."""

from collections import Counter

import pandas as pd

from study.analysis import trial_tables
from study.analysis.results import Results
from study.reporting import wording
from study.reporting.section import Section, Table

COUNTS = ("trials", "completed", "pruned", "diverged", "failed")


class Trials(Section):
    """Trials of all stages."""

    name = "trials"
    title = "Trials and cost"

    def tables(self, results: Results) -> list[Table]:
        """Endings by stage, their reasons, and processor hours."""
        return [_stages(results), _reasons(results), _costs(results)]

    def csv(self, results: Results) -> dict[str, pd.DataFrame]:
        """Every trial, epoch and modality."""
        records = results.chosen.records
        return {
            "trials": trial_tables.trials(records),
            "epochs": trial_tables.epochs(records),
            "modalities": trial_tables.modalities(records),
        }


def _stages(results: Results) -> Table:
    heads = ["Stage", *(name.capitalize() for name in COUNTS), "Training time"]
    rows = [
        [stage, *(str(counts[name]) for name in COUNTS), wording.duration(counts["seconds"] / 3600)]
        for stage, counts in results.summary["stages"].items()
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
