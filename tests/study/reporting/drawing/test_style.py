import ast
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from study.analysis.statistics import Interval
from study.methods import STUDY_METHODS
from study.reporting import drawing
from study.reporting.drawing import marks, style
from study.reporting.drawing.style import Look


def looks(*methods: str) -> dict[str, Look]:
    return style.looks({method: method for method in methods}, list(STUDY_METHODS))


@pytest.mark.parametrize(
    "path", sorted(Path(drawing.__file__).parent.glob("*.py")), ids=lambda path: path.stem
)
def test_drawing_computes_nothing(path) -> None:
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not names & {"numpy", "scipy", "optuna"}
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not called & {"std", "quantile", "median", "cummax", "mean_interval"}


def test_a_method_looks_the_same_whatever_it_is_compared_with() -> None:
    assert looks("boosting")["boosting"] == looks("joint", "ogm_ge", "boosting")["boosting"]


def test_methods_never_share_a_look() -> None:
    names = [*STUDY_METHODS, *(f"unimodal_{name}" for name in ("voice", "face", "text", "depth"))]
    assert len({look[:2] for look in looks(*names).values()}) == len(names)


def test_a_method_of_ones_own_has_a_look_and_changes_no_other() -> None:
    table = [*STUDY_METHODS, "own"]
    own = style.looks({"joint": "Joint", "own": "Own", "boosting": "Boosting"}, table)
    assert own["boosting"].colour == looks("boosting")["boosting"].colour
    assert own["own"].label == "Own"
    assert len({look[:2] for look in own.values()}) == 3


def test_marks_at_a_limit_are_drawn_whole_and_what_goes_beyond_it_is_cut() -> None:
    upright, lying = (Figure().subplots() for _ in range(2))
    for values in ((0.97, 1.0), (0.95, 0.96)):
        mean = sum(values) / 2
        shown = Interval(mean, mean - 13 * (values[1] - mean), mean + 13 * (values[1] - mean), 2)
        marks.interval(upright, 0, shown, Look("k", "o", "-"))
        marks.row(lying, 0, shown, Look("k", "o", "-"))
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
