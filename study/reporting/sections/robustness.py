"""How much a method leans on a modality: its accuracy where that one is noisy or missing."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.chosen_runs import chance
from study.analysis.modality_measures import noisy, without
from study.analysis.results import Results
from study.analysis.summary import Measure
from study.reporting import cells, wording
from study.reporting.drawing import legends, marks, style
from study.reporting.drawing.style import Look
from study.reporting.section import Drawn, Section, Table, a_few, choice, looks

CLEAN, MISSING = "0", "missing"
CAPTION = (
    "Test accuracy of the chosen weights with Gaussian noise on one modality, and without it, with 95 % "
    "intervals. Noise is in standard deviations of the modality's standardised input: at 1 it is as strong "
    "as the signal. A steep fall says that the method leans on that modality, a flat line that it does not."
)
Disturbed = dict[str, dict[str, Measure]]  # modality -> how it was disturbed -> accuracy


class Robustness(Section):
    """Noise on each modality in steps, then without it."""

    name = "robustness"
    title = "A modality that is noisy or missing"

    def figures(self, results: Results) -> list[Drawn]:
        """A panel per modality, with a few methods."""
        found = {m: of for m, of in _disturbed(results, results.protocols[0]).items() if _is_curve(of)}
        if not found:
            return []
        shown = a_few(results, list(found))
        few, caption = {method: found[method] for method in shown}, CAPTION + choice(shown, list(found))
        return [Drawn("robustness", caption, _figure(results, few), _seen(results, few))]

    def tables(self, results: Results) -> list[Table]:
        """A row per method and modality."""
        return [_table(results, protocol) for protocol in results.protocols]


def _disturbed(results: Results, protocol: str) -> dict[str, Disturbed]:
    """By method, the best first: accuracy as it is, with each level of noise, and without the modality."""
    return {method: _of(results, method, protocol) for method in results.ranked(protocol)}


def _of(results: Results, method: str, protocol: str) -> Disturbed:
    runs = results.chosen.trained(method, protocol)
    steps = {f"{level:g}": measures for level, measures in noisy(runs).items()} | {MISSING: without(runs)}
    names = dict.fromkeys(name for measures in steps.values() for name in measures)
    clean: Measure = results.scores(protocol)[method]["test"]["accuracy"]
    return {
        name: {CLEAN: clean} | {step: of[name] for step, of in steps.items() if name in of} for name in names
    }


def _is_curve(disturbed: Disturbed) -> bool:
    """Whether noise was measured."""
    return any(steps.keys() - {CLEAN, MISSING} for steps in disturbed.values())


def _figure(results: Results, found: Mapping[str, Disturbed]) -> Figure:
    names = max(map(list, found.values()), key=len)
    steps, guessing = _steps(found), chance(results.settings)
    look_of = looks(results, found)
    figure, panels = style.panels(style.PAGE if len(names) > 1 else style.COLUMN, len(names))
    entries = [legends.interval(look.label, look) for look in look_of.values()]
    for axes, name in zip(panels, names, strict=True):
        curves = {method: of[name] for method, of in found.items() if name in of}
        _curves(axes, curves, steps, look_of)
        axes.set_title(f"{wording.plain(name)} disturbed")
        if guessing is not None:
            line = axes.axhline(guessing, color=style.INK, lw=0.9, ls=":", label="chance")
    if guessing is not None:
        entries.append(line)
    style.alike(panels)
    for axes in panels:
        style.percent(axes, "")
    style.outer(panels, "test accuracy (%)", "noise (standard deviations)")
    legends.legend(figure, [], entries)
    return figure


def _curves(
    axes: Axes, curves: Mapping[str, Mapping[str, Measure]], steps: list[str], looks: Mapping[str, Look]
) -> None:
    """The methods side by side at every step; nothing joins the last level of noise and none at all."""
    for (method, measures), shift in zip(curves.items(), style.dodge(len(curves), 0.4), strict=True):
        places = {step: steps.index(step) + shift for step in measures}
        joined = [(at, measures[step]["mean"]) for step, at in places.items() if step != MISSING]
        axes.plot(*zip(*joined, strict=True), color=looks[method].colour, lw=1, alpha=0.6)
        for step, at in places.items():
            marks.interval(axes, at, measures[step], looks[method])
    axes.set_xticks(range(len(steps)), steps)
    axes.grid(visible=False, axis="x")


def _steps(found: Mapping[str, Disturbed]) -> list[str]:
    """Ways to disturb that any method has, missing last."""
    steps = dict.fromkeys(step for of in found.values() for measures in of.values() for step in measures)
    return sorted(steps, key=lambda step: step == MISSING)


def _seen(results: Results, found: Mapping[str, Disturbed]) -> str:
    """`Test accuracy. Joint training, audio disturbed: 0 62.0 %, 0.25 61.1 %, ..., missing 30.1 %.`"""
    lines = [
        f"{results.settings.label(method)}, {wording.plain(name)} disturbed: "
        + wording.readings({step: wording.percent(measure["mean"]) for step, measure in steps.items()})
        for method, of in found.items()
        for name, steps in of.items()
    ]
    return " ".join(["Test accuracy by noise.", *(f"{line}." for line in lines)])


def _table(results: Results, protocol: str) -> Table:
    found = _disturbed(results, protocol)
    steps = _steps(found)
    rows = [
        [
            results.settings.label(method),
            wording.plain(name),
            *(cells.percent(measures.get(step)) for step in steps),
        ]
        for method, of in found.items()
        for name, measures in of.items()
    ]
    levels = [f"Noise {step}" for step in steps if step not in (CLEAN, MISSING)]
    heads = ["Method", "Disturbed", "As it is", *levels, *(["Missing"] if MISSING in steps else [])]
    protocol = cells.PROTOCOLS[protocol]
    title = f"Test accuracy where a modality is noisy or missing, {protocol} protocol, in percent"
    return Table(title, heads, rows)
