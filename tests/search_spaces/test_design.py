"""Designs: every part of a space is visited alike, and more points begin with the same."""

import pytest
from ray import tune

from search_spaces.design import quantile, sobol

SPACE = {
    "lr": tune.loguniform(1e-4, 1e-2),
    "lam": tune.uniform(-1.0, 3.0),
    "every": tune.randint(1, 5),
    "rounds": tune.lograndint(1, 9),
    "half": tune.quniform(0.0, 2.0, 0.5),
    "rule": tune.choice(["best", "random"]),
}


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("lr", [1e-4, 1e-3, 0.00999885]),
        ("lam", [-1.0, 1.0, 2.9999]),
        ("every", [1, 3, 4]),
        ("rounds", [1, 3, 8]),
        ("half", [0.0, 1.0, 2.0]),
        ("rule", ["best", "random", "random"]),
    ],
)
def test_a_share_of_the_draws_lies_below_its_quantile(key, values):
    assert [quantile(SPACE[key], share) for share in (0.0, 0.5, 0.999975)] == pytest.approx(values)


def test_quantiles_are_those_of_the_domain_itself():
    """Ray's own draws lie below the quantile of a share as often as the share says."""
    for key in ("lr", "lam", "every", "rounds", "half"):
        draws = [SPACE[key].sample() for _ in range(2000)]
        bound = quantile(SPACE[key], 0.3)
        below = sum(draw < bound for draw in draws) / len(draws)
        at_most = sum(draw <= bound for draw in draws) / len(draws)
        assert below - 0.05 < 0.3 < at_most + 0.05


def test_more_points_begin_with_the_same():
    assert sobol(SPACE, 5) == sobol(SPACE, 100)[:5]
    assert sobol(SPACE, 0) == sobol({}, 5) == []


def test_every_part_of_a_range_is_visited_alike():
    points = sobol(SPACE, 64)
    assert [sum(point["every"] == value for point in points) for value in (1, 2, 3, 4)] == [16] * 4
    assert sum(point["lr"] < 1e-3 for point in points) == 32
    assert sum(point["lr"] < 1e-3 and point["lam"] < 1 for point in points) == 16


def test_points_that_agree_are_one():
    assert sobol({"every": tune.randint(1, 3)}, 16) == [{"every": 1}, {"every": 2}]
