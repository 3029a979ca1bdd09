import ast
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.comparisons import with_baseline
from study.analysis.statistics import mean_interval
from study.analysis.sweeps import Point
from study.reporting.drawing import epoch_curves, legends, marks, plots, style
from study.reporting.wording import MEANINGS, METHODS

NOTHING = {"mean": None, "low": None, "high": None, "seeds": []}


def point(value: object, *accuracies: float) -> Point:
    return Point(value, mean_interval(accuracies), dict(enumerate(accuracies)), ())


def drawn(points: list[Point], chosen: object = None) -> Figure:
    return plots.sensitivity("diagnose_relearn", "lam", points, chosen, NOTHING)


@pytest.mark.parametrize("module", [plots, epoch_curves, marks, style, legends])
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


def test_marks_at_a_limit_are_drawn_whole_and_what_goes_beyond_it_is_cut() -> None:
    upright, lying = (Figure().subplots() for _ in range(2))
    for values in ((0.97, 1.0), (0.95, 0.96)):
        marks.interval(upright, 0, mean_interval(values), ("k", "o", "-"))
        marks.row(lying, 0, mean_interval(values), ("k", "o", "-"))
        marks.seeds_below(lying, 0, values)
    style.percent(upright, "")
    style.possible(lying, 0, 1)
    assert (upright.get_ylim()[1], lying.get_xlim()[1]) == (1.0, 1.0)
    beyond = [max(line.get_ydata()) > 1 for line in upright.lines]
    assert beyond == [True, False, True, False]
    assert [line.get_clip_on() for line in upright.lines] == beyond
    beyond = [max(line.get_xdata()) > 1 for line in lying.lines]
    assert beyond == [True, False, False, True, False, False]
    assert [line.get_clip_on() for line in lying.lines] == beyond


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
    rings = [line for line in axes.lines if line.get_markeredgecolor() == style.ACCENT]
    assert [line.get_xdata()[0] for line in rings] == [2.0]


def test_a_method_looks_the_same_whatever_it_is_compared_with() -> None:
    alone = style.styles(["boosting"])["boosting"]
    assert style.styles(["joint", "ogm_ge", "boosting"])["boosting"] == alone


def test_methods_never_share_a_look() -> None:
    names = [*METHODS, *(f"unimodal_{name}" for name in ("voice", "face", "text", "depth"))]
    assert len({look[:2] for look in style.styles(names).values()}) == len(names)


def test_differences_are_drawn_with_every_pair_of_seeds(compared_methods) -> None:
    (one,) = [one for one in with_baseline(*compared_methods) if one.method == "boosting"]
    axes = Figure().subplots()
    marks.differences(axes, {0: one}, style.styles(["boosting"]))
    drawn = [list(line.get_xdata()) for line in axes.lines]
    assert list(one.differences.values()) in drawn


def test_an_interval_is_drawn_the_same_upright_and_lying() -> None:
    upright, lying = Figure().subplots(1, 2)
    found, look = mean_interval([0.5, 0.6, 0.7]), style.styles(["joint"])["joint"]
    marks.interval(upright, 3, found, look)
    marks.row(lying, 3, found, look)
    assert [list(line.get_ydata()) for line in upright.lines] == [
        list(line.get_xdata()) for line in lying.lines
    ]


@pytest.mark.parametrize("key", sorted(MEANINGS))
def test_no_text_is_cut_off(tmp_path, key) -> None:
    with style.style():
        points = [point(value, 0.5, 0.6) for value in (0.0, 1.0, 3.0)]
        figure = plots.sensitivity("boosting", key, points, 1.0, NOTHING)
        plots.save(figure, tmp_path / "figure.png", sample=True)
        figure.draw_without_rendering()
    frame = figure.bbox
    for text in figure.findobj(lambda artist: hasattr(artist, "get_text") and artist.get_text()):
        box = text.get_window_extent()
        assert frame.x0 - 1 <= box.x0
        assert box.x1 <= frame.x1 + 1


def measure(*accuracies: float) -> dict[str, object]:
    return {
        **vars(mean_interval(accuracies)),
        "seeds": [{"seed": seed, "value": accuracy} for seed, accuracy in enumerate(accuracies)],
    }


def compared_axes(**accuracies: tuple[float, ...]) -> Axes:
    scores = {name: dict.fromkeys(("accuracy", "macro_f1"), measure(*a)) for name, a in accuracies.items()}
    return plots.comparison(scores, [], "test", "joint", {}).axes[0]


def test_a_single_modality_far_away_does_not_squeeze_the_methods() -> None:
    axes = compared_axes(
        joint=(0.88, 0.88, 0.9, 0.9), ogm_ge=(0.87, 0.88, 0.89, 0.9), unimodal_motion=(0.38, 0.4)
    )
    left, right = axes.get_xlim()
    found = mean_interval((0.87, 0.88, 0.89, 0.9))
    assert 0.39 < left < (found.low or 0) < (found.high or 0) < right
    assert [text.get_text() for text in axes.texts] == ["← 39.0"]


def test_a_better_single_modality_is_named_at_the_right_edge() -> None:
    axes = compared_axes(joint=(0.388, 0.39), unimodal_motion=(0.88, 0.882))
    assert [text.get_text() for text in axes.texts] == ["88.1 →"]


def test_a_single_modality_near_by_is_drawn_to_scale() -> None:
    axes = compared_axes(joint=(0.88, 0.9), ogm_ge=(0.87, 0.9), unimodal_motion=(0.86, 0.88))
    assert axes.get_xlim()[0] < vars(mean_interval((0.86, 0.88)))["low"]
    assert not axes.texts


def test_one_seed_leaves_no_width_to_fit_to() -> None:
    axes = compared_axes(joint=(0.88,), unimodal_motion=(0.38,))
    left, right = axes.get_xlim()
    assert left < 0.38 < 0.88 < right
