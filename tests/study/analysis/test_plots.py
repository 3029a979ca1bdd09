import ast
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from study.analysis import curves, legends, looks, marks, plots
from study.analysis.comparisons import with_baseline
from study.analysis.sensitivity import Point
from study.analysis.statistics import mean_interval
from study.analysis.words import MEANINGS, METHODS

NOTHING = {"mean": None, "low": None, "high": None, "seeds": []}


def point(value: object, *accuracies: float) -> Point:
    return Point(value, mean_interval(accuracies), dict(enumerate(accuracies)), ())


def drawn(points: list[Point], chosen: object = None) -> Figure:
    return plots.sensitivity("diagnose_relearn", "lam", points, chosen, NOTHING)


@pytest.mark.parametrize("module", [plots, curves, marks, looks, legends])
def test_drawing_computes_nothing(module) -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not names & {"numpy", "scipy", "optuna"}
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not called & {"std", "quantile", "median", "cummax", "mean_interval"}


def test_a_wide_range_of_positive_values_is_drawn_on_a_logarithmic_axis() -> None:
    (axes,) = drawn([point(value, 0.5, 0.6) for value in (1e-4, 1e-3, 1e-2)]).axes
    assert axes.get_xscale() == "log"


def test_a_narrow_range_is_drawn_to_scale() -> None:
    (axes,) = drawn([point(value, 0.5, 0.6) for value in (0.0, 1.0, 3.0)]).axes
    assert list(axes.get_xticks()) == [0.0, 1.0, 3.0]


def test_words_are_drawn_evenly_spaced() -> None:
    (axes,) = drawn([point(value, 0.5, 0.6) for value in ("constant", "step")]).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["constant", "step"]


def test_intervals_wider_than_all_accuracies_stay_on_the_page() -> None:
    (axes,) = drawn([point(1.0, 0.1, 0.9)]).axes
    assert axes.get_ylim() == (0.0, 1.0)


def test_a_seed_outside_the_interval_of_the_mean_is_still_on_the_page() -> None:
    values = [0.767, 0.761, 0.767, 0.754, 0.667, *[0.76] * 20]
    upright, lying = (Figure().subplots() for _ in range(2))
    marks.interval(upright, 0, mean_interval(values), ("k", "o", "-"))
    marks.seeds(upright, 0, values, "k")
    marks.row(lying, 0, mean_interval(values), ("k", "o", "-"))
    marks.seeds_below(lying, 0, values)
    assert upright.get_ylim()[0] < min(values)
    assert lying.get_xlim()[0] < min(values)


def test_only_the_incumbent_is_ringed() -> None:
    (axes,) = drawn([point(1.0, 0.5, 0.6), point(2.0, 0.5, 0.6)], chosen=2.0).axes
    rings = [line for line in axes.lines if line.get_markeredgecolor() == looks.ACCENT]
    assert [line.get_xdata()[0] for line in rings] == [2.0]


def test_a_method_looks_the_same_whatever_it_is_compared_with() -> None:
    alone = looks.styles(["boosting"])["boosting"]
    assert looks.styles(["joint", "ogm_ge", "boosting"])["boosting"] == alone


def test_methods_never_share_a_look() -> None:
    names = [*METHODS, *(f"unimodal_{name}" for name in ("voice", "face", "text", "depth"))]
    assert len({look[:2] for look in looks.styles(names).values()}) == len(names)


def test_differences_are_drawn_with_every_pair_of_seeds(compared_methods) -> None:
    (one,) = [one for one in with_baseline(*compared_methods) if one.method == "boosting"]
    axes = Figure().subplots()
    marks.differences(axes, {0: one}, looks.styles(["boosting"]))
    drawn = [list(line.get_xdata()) for line in axes.lines]
    assert list(one.differences.values()) in drawn


def test_an_interval_is_drawn_the_same_upright_and_lying() -> None:
    upright, lying = Figure().subplots(1, 2)
    found, look = mean_interval([0.5, 0.6, 0.7]), looks.styles(["joint"])["joint"]
    marks.interval(upright, 3, found, look)
    marks.row(lying, 3, found, look)
    assert [list(line.get_ydata()) for line in upright.lines] == [
        list(line.get_xdata()) for line in lying.lines
    ]


@pytest.mark.parametrize("key", sorted(MEANINGS))
def test_no_text_is_cut_off(tmp_path, key) -> None:
    with looks.style():
        points = [point(value, 0.5, 0.6) for value in (0.0, 1.0, 3.0)]
        figure = plots.sensitivity("boosting", key, points, 1.0, NOTHING)
        plots.save(figure, tmp_path / "figure.png", sample=True)
        figure.draw_without_rendering()
    frame = figure.bbox
    for text in figure.findobj(lambda artist: hasattr(artist, "get_text") and artist.get_text()):
        box = text.get_window_extent()
        assert frame.x0 - 1 <= box.x0
        assert box.x1 <= frame.x1 + 1
