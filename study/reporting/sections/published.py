"""Numbers other people published, to print beside ours; never targets, because their protocols differ."""

from dataclasses import dataclass

WARNING = (
    "These stand here for orientation only and are not comparable with the numbers above: they were "
    "obtained with other splits, recipes, selection rules and optimizers, several choose the best epoch "
    "on the test set, and the published split has all 91 actors in both training and test."
)


@dataclass(frozen=True)
class Published:
    """A published accuracy and where it comes from."""

    method: str
    accuracy: str
    source: str


PUBLISHED = {
    "cremad": (
        Published("joint", "65.1 %", "Boosting (AUG) paper, NeurIPS 2025"),
        Published("boosting", "85.2 %", "Boosting (AUG) paper, NeurIPS 2025"),
        Published("joint", "65.5 %", "BalanceBenchmark, 30 epochs of AdamW"),
        Published("diagnose_relearn", "71.0 %", "BalanceBenchmark, 30 epochs of AdamW"),
        Published("joint", "69.8 %", "independent run of the released D&R code"),
        Published("diagnose_relearn", "77.7 %", "independent run of the released D&R code"),
        Published("joint", "62.6 ± 5.8 %", "MCR, NeurIPS 2025, folds without shared actors"),
        Published("diagnose_relearn", "70.6 ± 1.3 %", "MCR, NeurIPS 2025, folds without shared actors"),
    )
}


def published(data: str | None, *, is_sample: bool) -> tuple[Published, ...]:
    """Published values for this data set; none for generated data."""
    return () if is_sample or data is None else PUBLISHED.get(data, ())
