"""What the encoders tell apart: features of unseen samples, arranged in two dimensions."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from study.analysis.embedding import Embedding
from study.analysis.results import Results
from study.reporting import wording
from study.reporting.drawing import legends, style
from study.reporting.section import AS_ABOVE, Drawn, Section
from trainables.multimodal.tasks import MULTILABEL

CAPTION = (
    "Features of validation samples (up to 1,000, always the same), from the weights that were published, "
    "arranged by t-SNE so that neighbours stay neighbours. Distances between groups mean nothing. Where "
    "classes form groups of one colour, the encoder tells them apart; where colours mix, it does not. Of "
    "many methods the baseline, those that re-learn and the best are shown."
)
RAREST = " Of several labels a sample has the colour of its rarest."
NAMED = 10
"""Classes that a legend has room for."""


class FeatureMaps(Section):
    """t-SNE of the features of each method's best run; nothing where no weights were published."""

    name = "feature_maps"
    title = "Encoder features"

    def figures(self, results: Results) -> list[Drawn]:
        """A figure per method."""
        arranged = {m: embedding for m, embedding in results.embeddings.items() if embedding.places}
        several = results.settings.protocol.kind == MULTILABEL
        captions = [CAPTION + RAREST * several, *[AS_ABOVE] * len(arranged)]
        return [
            Drawn(f"features_{m}", caption, _figure(results, m, embedding), _seen(results, m, embedding))
            for (m, embedding), caption in zip(arranged.items(), captions, strict=False)
        ]


def _figure(results: Results, method: str, embedding: Embedding) -> Figure:
    """A panel per modality, a colour per class or value."""
    names = list(embedding.places)
    figure, panels = style.panels(style.PAGE if len(names) > 1 else style.COLUMN, len(names))
    for axes, name in zip(panels, names, strict=True):
        axes.set_title(f"{results.settings.label(method)}: {wording.plain(name)}")
        axes.set(xticks=[], yticks=[])
    if embedding.classes:
        _by_class(figure, panels, embedding)
    else:
        _by_value(figure, panels, embedding)
    return figure


def _by_class(figure: Figure, panels: Sequence[Axes], embedding: Embedding) -> None:
    """A colour per class, named where there are few."""
    colours = style.class_colours(len(embedding.classes))
    for axes, name in zip(panels, embedding.places, strict=True):
        for number, colour in enumerate(colours):
            places = embedding.places[name][embedding.targets[name] == number]
            axes.plot(*places.T, "o", color=colour, ms=2.6, mew=0)
    if len(colours) <= NAMED:
        named = zip(embedding.classes, colours, strict=True)
        legends.legend(figure, [], [legends.dot(wording.plain(name), colour) for name, colour in named])


def _by_value(figure: Figure, panels: Sequence[Axes], embedding: Embedding) -> None:
    """A colour by the number that is predicted."""
    for axes, name in zip(panels, embedding.places, strict=True):
        across, up = embedding.places[name].T
        dots = axes.scatter(across, up, c=embedding.targets[name], s=7, lw=0, cmap=style.VALUES)
    figure.colorbar(dots, ax=list(panels), label="value")


def _seen(results: Results, method: str, embedding: Embedding) -> str:
    """`Joint training, samples whose nearest neighbour is of the same class: audio 71.0 %, visual 40.2 %.`"""
    label = results.settings.label(method)
    if not embedding.classes:
        return f"{label}, coloured by value: {wording.listing([wording.plain(n) for n in embedding.places])}."
    alike = {
        wording.plain(name): wording.percent(_alike(places, embedding.targets[name]))
        for name, places in embedding.places.items()
    }
    return f"{label}, samples whose nearest neighbour is of the same class: {wording.readings(alike)}."


def _alike(places: np.ndarray, targets: np.ndarray) -> float:
    """Share of samples whose nearest other one [N, 2] has the same target [N]."""
    _, nearest = cKDTree(places).query(places, k=2)
    return float((targets[nearest[:, 1]] == targets).mean())
