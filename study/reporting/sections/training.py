"""How what methods are judged by changes over the epochs of the confirm runs."""

from study.analysis import trial_tables
from study.analysis.metric_names import PLAIN_NUMBERS
from study.analysis.results import Results, relearned_after
from study.reporting import wording
from study.reporting.drawing import epoch_curves
from study.reporting.drawing.epoch_curves import EpochCurve
from study.reporting.section import Drawn, Section, looks

CAPTION = "Every confirm run as a thin line, their mean as a bold one."
MOMENTS = (
    " Vertical lines with a triangle mark epochs after which encoders were pulled back towards their "
    "initial weights; {metric} may {worsen} in the epoch that follows."
)


class Training(Section):
    """Validation score, epoch by epoch."""

    name = "training"
    title = "During training"

    def figures(self, results: Results) -> list[Drawn]:
        """All methods in one panel, or one each."""
        judged_by = results.settings.judged_by
        metric = judged_by.name
        name = f"validation {wording.metric(metric)}"
        title, label = f"V{name[1:]} during the confirm runs", wording.with_unit(name, metric, "%")
        curve = EpochCurve(f"validation/{metric}", title, label, metric not in PLAIN_NUMBERS)
        runs = epoch_curves.column(results.epochs, curve.column)
        if not len(runs):
            return []
        means = trial_tables.mean_by(runs, ["method", "epoch"], [curve.column])
        look_of = looks(results, dict.fromkeys(runs["method"]))
        moments = relearned_after(results.runs)
        figure = epoch_curves.over_epochs(
            runs, means, curve, look_of, reference=results.baseline, moments=moments
        )
        last = means.groupby("method", sort=False)[curve.column].last()
        reached = {look_of[str(method)].label: wording.score(value, metric) for method, value in last.items()}
        seen = f"{title}, at the end: {wording.readings(reached)}."
        told = MOMENTS.format(metric=wording.metric(metric), worsen="dip" if judged_by.sign > 0 else "rise")
        return [Drawn(metric, CAPTION + told * any(moments.values()), figure, seen)]
