import pytest

from study.reporting import cells
from study.reporting.wording import NONE

MEASURE = {"mean": 0.5, "low": -0.1, "high": 1.2}


def test_a_fraction_is_in_percent_with_its_interval() -> None:
    measure = {"mean": 0.5, "low": 0.1, "high": 0.8}
    assert cells.score(measure, "accuracy", " ").replace("\N{NO-BREAK SPACE}", " ") == "50.0 [10.0, 80.0]"


def test_a_metric_that_is_no_fraction_is_written_as_it_is() -> None:
    assert cells.score(MEASURE, "mae").replace("\N{NO-BREAK SPACE}", " ") == "0.500\n[-0.100, 1.200]"


@pytest.mark.parametrize("empty", [None, {"mean": None, "low": None, "high": None}])
def test_what_is_not_there_is_a_dash(empty) -> None:
    assert (cells.score(empty, "accuracy"), cells.percent(empty)) == (NONE, NONE)
    assert cells.tested(None) == [NONE] * 3
    assert cells.p(None) == NONE


def test_one_seed_has_no_interval() -> None:
    assert cells.percent({"mean": 0.5, "low": None, "high": None}) == "50.0"
    assert cells.change(0.01, None, None) == "+1.0"


@pytest.mark.parametrize(("number", "cell"), [(0.0211, "0.021"), (0.0002, "< 0.001"), (0.52, "0.52")])
def test_a_p_value_has_no_false_precision(number, cell) -> None:
    assert cells.p(number).replace("\N{NO-BREAK SPACE}", " ") == cell
