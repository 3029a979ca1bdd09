"""How accuracy rises over the epochs of the confirm runs."""

from study.analysis import trial_tables
from study.analysis.results import Results, relearned_after
from study.reporting.drawing import epoch_curves
from study.reporting.drawing.epoch_curves import Curve
from study.reporting.section import Drawn, Section, looks

ACCURACY = Curve(
    "validation/accuracy", "Validation accuracy during the confirm runs", "validation accuracy (%)", True
)
CAPTION = "Every confirm run as a thin line, their mean as a bold one."
MOMENTS = (
    " Vertical lines with a triangle mark epochs after which encoders were pulled back towards their "
    "initial weights; accuracy may dip in the epoch that follows."
)


class Training(Section):
    """Validation accuracy, epoch by epoch."""

    name = "training"
    title = "During training"

    def figures(self, results: Results) -> list[Drawn]:
        """All methods in one panel, or one each."""
        runs = epoch_curves.column(results.epochs, ACCURACY.column)
        if not len(runs):
            return []
        means = trial_tables.mean_by(runs, ["method", "epoch"], [ACCURACY.column])
        look_of = looks(results, dict.fromkeys(runs["method"]))
        moments = relearned_after(results.runs)
        figure = epoch_curves.over_epochs(
            runs, means, ACCURACY, look_of, reference=results.baseline, moments=moments
        )
        return [Drawn("accuracy", CAPTION + MOMENTS * any(moments.values()), figure)]
