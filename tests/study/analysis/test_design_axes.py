import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from study.analysis.design_axes import axis, place, points


def test_a_logarithmic_domain_has_its_middle_at_the_geometric_mean() -> None:
    assert place(1e-2, FloatDistribution(1e-3, 1e-1, log=True)) == pytest.approx(0.5)


def test_whole_numbers_stand_in_the_middle_of_equal_parts() -> None:
    domain = IntDistribution(1, 5)
    assert [place(value, domain) for value in range(1, 6)] == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    assert axis("k", domain).values == (1, 2, 3, 4, 5)


def test_categories_have_a_column_each_and_no_order() -> None:
    choice = axis("schedule", CategoricalDistribution(["constant", "step", "cosine"]))
    columns = choice.columns(np.asarray(choice.places))
    assert columns.tolist() == np.eye(3).tolist()
    with pytest.raises(ValueError, match="not in tuple"):
        place("linear", CategoricalDistribution(["constant", "step"]))


@pytest.mark.parametrize(
    "domain",
    [FloatDistribution(0.0, 10.0), FloatDistribution(1e-3, 1e-1, log=True), IntDistribution(2, 40)],
)
def test_nodes_are_drawn_at_their_values(domain) -> None:
    one = axis("key", domain)
    assert one.nodes.tolist() == pytest.approx(list(one.values))
    assert [place(value, domain) for value in one.values] == pytest.approx(list(one.places))


def test_quantiles_of_whole_numbers_are_places_of_these_numbers() -> None:
    one = axis("k", IntDistribution(1, 2))
    assert one.at(np.array([0.1, 0.4, 0.6, 0.99])).tolist() == [0.25, 0.25, 0.75, 0.75]


def test_configurations_become_rows_in_the_order_of_the_domains() -> None:
    domains = {"lam": FloatDistribution(0.0, 10.0), "every": IntDistribution(1, 2)}
    assert points([{"every": 2, "lam": 2.5}], domains).tolist() == [[0.25, 0.75]]
