"""How unevenly the modalities are learned: linear probes on each encoder."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.chosen_runs import chance
from study.analysis.modality_measures import frozen_probes, probes
from study.analysis.results import Results, ceilings
from study.analysis.summary import Measure
from study.reporting import cells, wording
from study.reporting.drawing import legends, marks, style
from study.reporting.section import Drawn, Section, Table, looks

TOGETHER = "the method's own prediction"
CAPTION = (
    "How well the classes can be read from each encoder alone, with 95 % intervals over seeds: {probe}. The "
    "distance between modalities is the imbalance."
)
FITTED = "a linear model fitted to the frozen training features of the chosen weights"
TRAINED = "a linear probe trained on detached features, which does not influence the method"
ProbeAccuracies = dict[str, dict[str, Measure]]  # method -> modality -> accuracy


class Modalities(Section):
    """Imbalance between modalities."""

    name = "modalities"
    title = "Modality imbalance"

    def figures(self, results: Results) -> list[Drawn]:
        """Probes of every method beside its own prediction."""
        probe, split, accuracies = _probes(results)
        scores = results.scores(results.protocols[0])
        rows = {
            method: measures | {TOGETHER: scores[method][split]["accuracy"]}
            for method, measures in accuracies.items()
        }
        if not rows:
            return []
        figure = _figure(results, rows, split)
        return [Drawn("modalities", CAPTION.format(probe=probe), figure, _seen(results, rows, split))]

    def tables(self, results: Results) -> list[Table]:
        """The same in numbers."""
        return [_imbalance(results)]


def _probes(results: Results) -> tuple[str, str, ProbeAccuracies]:
    """What the probes are, split, and their accuracy on it, the best method first; test where any was read.

    Fitted probes where every method has them: those that are trained along read less, and the two must not be
    compared.
    """
    protocol = results.protocols[0]
    runs = {method: results.chosen.trained(method, protocol) for method in results.ranked(protocol)}
    fitted = {method: frozen_probes(trained) for method, trained in runs.items() if trained}
    if fitted and all(fitted.values()):
        return FITTED, "test", fitted
    read = {method: probes(trained) for method, trained in runs.items()}
    split = "test" if any(of == "test" for of, _ in read.values()) else "validation"
    return (
        TRAINED,
        split,
        {method: measures for method, (of, measures) in read.items() if of == split and measures},
    )


def _seen(results: Results, rows: ProbeAccuracies, split: str) -> str:
    """`Accuracy on test. Joint training: audio 60.1 %, visual 40.2 %, the method's own prediction 62.0 %.`"""
    read = {
        method: {wording.plain(name): wording.percent(measure["mean"]) for name, measure in measures.items()}
        for method, measures in rows.items()
    }
    lines = [f"{results.settings.label(method)}: {wording.readings(row)}." for method, row in read.items()]
    return " ".join([f"Accuracy on {split}.", *lines])


def _figure(results: Results, rows: ProbeAccuracies, split: str) -> Figure:
    """A row per method, a mark per modality."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row if name != TOGETHER))
    look_of = style.modality_looks(names) | {TOGETHER: style.Look(style.INK, "D", "-", TOGETHER)}
    figure, (axes,) = style.listed(1, len(rows))
    for place, measures in enumerate(rows.values()):
        marks.spread(axes, place, measures, look_of)
    entries = [legends.interval(look.label, look) for look in look_of.values()]
    guessing = chance(results.settings)
    if guessing is not None:
        entries.append(axes.axvline(guessing, color=style.INK, lw=0.9, ls=":", label="chance"))
    worth = ceilings(results.settings)
    for name, possible in worth.items():
        look = look_of.get(name, look_of[TOGETHER])
        axes.axvline(possible, color=look.colour, lw=1.2, ls="--", zorder=1)
    if worth:
        entries.append(Line2D([], [], color=style.GREY, lw=1.2, ls="--", label="possible, by construction"))
    style.names(axes, [look.label for look in looks(results, rows).values()])
    figure.suptitle("Each modality alone, and the method")
    axes.set_xlabel(f"{split} accuracy (%)")
    style.possible(axes, 0, 1)
    legends.legend(figure, [], entries)
    return figure


def _imbalance(results: Results) -> Table:
    """Probes of methods that have more than one modality."""
    probe, split, accuracies = _probes(results)
    names = list(dict.fromkeys(name for measures in accuracies.values() for name in measures))
    rows = [
        [
            results.settings.label(method),
            *(cells.percent(measures.get(name)) for name in names),
            _distance(measures),
        ]
        for method, measures in accuracies.items()
        if len(measures) > 1
    ]
    heads = ["Method", *(wording.plain(name).capitalize() for name in names), "Best minus worst, points"]
    return Table(f"Accuracy on {split} from each encoder alone, in percent: {probe}", heads, rows)


def _distance(measures: dict[str, Measure]) -> str:
    means = [measure["mean"] for measure in measures.values()]
    return f"{100 * (max(means) - min(means)):.1f}"
