from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from study.analysis.embedding import Embedding
from study.analysis.results import analyse
from study.reporting.drawing import style
from study.reporting.section import AS_ABOVE
from study.reporting.sections.feature_maps import FeatureMaps

APART = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 0.0], [5.1, 0.0]])
MIXED = np.array([[0.0, 0.0], [5.0, 0.0], [0.1, 0.0], [5.1, 0.0]])
LABELS = np.array([0, 0, 1, 1])


def figures(study, embedded):
    with style.style():
        return list(FeatureMaps().figures(replace(analyse(*study), embeddings=embedded)))


def told(classes=("x", "y"), targets=LABELS) -> Embedding:
    return Embedding(list(classes), {"audio": APART, "visual": MIXED}, {"audio": targets, "visual": targets})


def test_every_method_has_a_figure_with_a_panel_per_modality(module_study) -> None:
    drawn = figures(module_study, {"joint": told(), "diagnose_relearn": told()})
    assert {one.name for one in drawn} == {"features_joint", "features_diagnose_relearn"}
    assert drawn[1].caption == AS_ABOVE
    titles = [axes.get_title() for one in drawn if one.name == "features_joint" for axes in one.figure.axes]
    assert titles == ["Joint training: audio", "Joint training: visual"]
    assert [text.get_text() for text in drawn[0].figure.legends[0].get_texts()] == ["x", "y"]


def test_words_say_how_many_neighbours_are_alike(module_study) -> None:
    (one,) = figures(module_study, {"joint": told()})
    assert "audio 100.0 %, visual 0.0 %" in one.finding.replace("\N{NO-BREAK SPACE}", " ")


def test_many_classes_have_colours_and_no_legend(module_study) -> None:
    (one,) = figures(module_study, {"joint": told(classes=map(str, range(31)))})
    assert one.figure.legends == []
    colours = {line.get_color() for line in one.figure.axes[0].lines}
    assert len(colours) == 31


def test_values_of_a_regression_have_a_scale(module_study) -> None:
    (one,) = figures(module_study, {"joint": told((), np.array([-3.0, -1.0, 1.0, 3.0]))})
    (dots,) = one.figure.axes[0].findobj(PathCollection)
    assert dots.get_array().tolist() == [-3, -1, 1, 3]
    assert one.figure.axes[-1].get_ylabel() == "value"


@pytest.mark.parametrize("embedded", [{}, {"joint": Embedding(["x"], {}, {})}])
def test_nothing_is_drawn_where_nothing_is_arranged(module_study, embedded) -> None:
    assert figures(module_study, embedded) == []
