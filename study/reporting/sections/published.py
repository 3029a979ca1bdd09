"""Numbers other people published, to print beside ours; never targets, because their protocols differ."""

from study.analysis.results import Results
from study.reporting.section import Section, Table

WARNING = (
    "These stand here for orientation only and are not comparable with the numbers above. They were obtained "
    "with other splits, recipes, selection rules and optimizers. Several choose the best epoch on the test "
    "set, and the published split has all 91 actors in both training and test."
)
PUBLISHED = {  # data set -> method as its authors call it, accuracy, source
    "cremad": [
        ["Joint training", "65.1 %", "Boosting (AUG) paper, NeurIPS 2025"],
        ["Boosting", "85.2 %", "Boosting (AUG) paper, NeurIPS 2025"],
        ["Joint training", "65.5 %", "BalanceBenchmark, 30 epochs of AdamW"],
        ["Diagnose & Re-learn", "71.0 %", "BalanceBenchmark, 30 epochs of AdamW"],
        ["Joint training", "69.8 %", "independent run of the released D&R code"],
        ["Diagnose & Re-learn", "77.7 %", "independent run of the released D&R code"],
        ["Joint training", "62.6 ± 5.8 %", "MCR, NeurIPS 2025, folds without shared actors"],
        ["Diagnose & Re-learn", "70.6 ± 1.3 %", "MCR, NeurIPS 2025, folds without shared actors"],
    ]
}


class Published(Section):
    """What was published for this data set; nothing for generated data."""

    name = "published"
    title = "Published numbers, for orientation"

    def tables(self, results: Results) -> list[Table]:
        """Method, accuracy and source."""
        data = results.settings.data
        rows = [] if data.is_sample else PUBLISHED.get(data.name, [])
        return [Table("Published accuracies", ["Method", "Accuracy", "Source"], rows, WARNING)]
