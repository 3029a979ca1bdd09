"""Reading a report as people do: sentences, figures and tables; and studies that reach given accuracies."""

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.text import Text

from study.analysis.results import analyse
from study.records.trial_record import Record
from study.reporting import write_report
from study.reporting.drawing import style
from study.reporting.section import Drawn, Section, Table

BASE = [0.60, 0.61, 0.62, 0.63, 0.64]


def findings(settings, records) -> list[str]:
    """All sentences, with plain spaces."""
    told = write_report.sentences(analyse(settings, records))
    return [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in told]


def cards(section: Section, settings, records) -> list[str]:
    """What a section says of the limits of the numbers, with plain spaces."""
    told = section.cards(analyse(settings, records))
    return [card.sentence.replace("\N{NO-BREAK SPACE}", " ") for card in told]


def said(settings, records) -> str:
    return "\n".join(findings(settings, records))


def sentence(text: str, part: str) -> str:
    """The first sentence with this part."""
    return next(line for line in text.split("\n") if part in line)


def drawn(section: Section, settings, records) -> dict[str, Drawn]:
    """Figures of a section by name."""
    with style.style():
        return {one.name: one for one in section.figures(analyse(settings, records))}


def tables(section: Section, settings, records) -> list[Table]:
    """Tables of a section that have rows."""
    return [table for table in section.tables(analyse(settings, records)) if table.rows]


def texts(one: Drawn) -> list[Text]:
    """All texts of a figure that are seen."""
    one.figure.draw_without_rendering()
    beyond = {label for axes in one.figure.axes for label in _beyond_the_view(axes)}
    seen = (text for text in one.figure.findobj(Text) if text.get_visible() and text not in beyond)
    return [text for text in seen if text.get_text().strip()]


def _beyond_the_view(axes: Axes) -> Iterator[Text]:
    """Labels of ticks that matplotlib keeps outside the limits and does not draw."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.majorTicks, *axis.minorTicks):
            if not low <= tick.get_loc() <= high:
                yield from (tick.label1, tick.label2)


def judged(synthetic, values: Mapping[str, Sequence[float]]) -> list[Record]:
    """A study whose confirm runs reach exactly these test accuracies, method by method and seed by seed."""
    study = synthetic()
    for method, reached in values.items():
        study.search(method, 0.6, 1).confirm(method, 0.6, len(reached))
        runs = [r for r in study.records if (r.stage, r.method) == ("confirm", method)]
        for run, value in zip(runs, reached, strict=True):
            run.epochs[max(run.epochs)]["test/accuracy"] = value
    return study.records


def shifted(by: float, wobble: float = 0.001) -> list[float]:
    """Accuracies of joint training in `many`, all shifted by about the same."""
    return [value + by + wobble * (-1) ** n for n, value in enumerate(BASE)]


def many(synthetic, **methods: Sequence[float]) -> list[Record]:
    """Joint training and other methods with these test accuracies on five seeds."""
    return judged(synthetic, {"joint": BASE, **methods})


def chosen_at(synthetic, settings, method: str, epochs: Sequence[int]) -> str:
    """What is said of confirm runs whose best epochs are these."""
    study = synthetic().search(method, 0.6, 1).confirm(method, 0.6, len(epochs))
    runs = [run for run in study.records if run.stage == "confirm"]
    for run, epoch in zip(runs, epochs, strict=True):
        run.epochs[max(run.epochs)]["best/epoch"] = float(epoch)
    return said(settings(methods=[method]), study.records)
