from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.comparisons import with_baseline
from study.analysis.statistics import mean_interval
from study.reporting.drawing import marks
from study.reporting.drawing.style import Look

LOOK = Look("k", "o", "-")


def test_a_seed_outside_the_interval_of_the_mean_is_still_on_the_page() -> None:
    values = [0.767, 0.761, 0.767, 0.754, 0.667, *[0.76] * 20]
    upright, lying = (Figure().subplots() for _ in range(2))
    marks.interval(upright, 0, mean_interval(values), LOOK)
    marks.seeds(upright, 0, values, "k")
    marks.row(lying, 0, mean_interval(values), LOOK)
    marks.seeds_below(lying, 0, values)
    assert upright.get_ylim()[0] < min(values)
    assert lying.get_xlim()[0] < min(values)


def test_differences_are_drawn_with_every_pair_of_seeds(compared_methods) -> None:
    (one,) = [one for one in with_baseline(ChosenRuns(*compared_methods)) if one.method == "boosting"]
    axes = Figure().subplots()
    marks.differences(axes, {0: one}, {"boosting": LOOK})
    drawn = [list(line.get_xdata()) for line in axes.lines]
    assert list(one.differences.values()) in drawn


def test_an_interval_is_drawn_the_same_upright_and_lying() -> None:
    upright, lying = Figure().subplots(1, 2)
    found = mean_interval([0.5, 0.6, 0.7])
    marks.interval(upright, 3, found, LOOK)
    marks.row(lying, 3, found, LOOK)
    assert [list(line.get_ydata()) for line in upright.lines] == [
        list(line.get_xdata()) for line in lying.lines
    ]


def measure(*accuracies: float) -> dict[str, object]:
    return {
        **vars(mean_interval(accuracies)),
        "seeds": [{"seed": seed, "value": accuracy} for seed, accuracy in enumerate(accuracies)],
    }


def close_up(*rows: tuple[float, ...], single: int) -> Axes:
    """Axes with these rows, of which the one at `single` must not squeeze the others."""
    axes = Figure().subplots()
    names = [str(place) for place in range(len(rows))]
    measures = {name: measure(*row) for name, row in zip(names, rows, strict=True)}
    marks.close_up(axes, marks.rows(axes, measures, dict.fromkeys(names, LOOK)), [single])
    return axes


def test_a_single_modality_far_away_does_not_squeeze_the_methods() -> None:
    axes = close_up((0.88, 0.88, 0.9, 0.9), (0.87, 0.88, 0.89, 0.9), (0.38, 0.4), single=2)
    left, right = axes.get_xlim()
    found = mean_interval((0.87, 0.88, 0.89, 0.9))
    assert 0.39 < left < (found.low or 0) < (found.high or 0) < right
    assert [text.get_text() for text in axes.texts] == ["← 39.0"]


def test_a_better_single_modality_is_named_at_the_right_edge() -> None:
    axes = close_up((0.388, 0.39), (0.88, 0.882), single=1)
    assert [text.get_text() for text in axes.texts] == ["88.1 →"]


def test_a_mean_inside_keeps_its_mark_where_its_interval_is_cut() -> None:
    axes = close_up((0.58, 0.6, 0.62), (0.3, 0.6, 0.9), single=1)
    left, right = axes.get_xlim()
    assert 0.3 < left < 0.6 < right < 0.9
    assert not axes.texts


def test_a_single_modality_near_by_is_drawn_to_scale() -> None:
    axes = close_up((0.88, 0.9), (0.87, 0.9), (0.86, 0.88), single=2)
    assert axes.get_xlim()[0] < (mean_interval((0.86, 0.88)).low or 1)
    assert not axes.texts


def test_one_seed_leaves_no_width_to_fit_to() -> None:
    left, right = close_up((0.88,), (0.38,), single=1).get_xlim()
    assert left < 0.38 < 0.88 < right
