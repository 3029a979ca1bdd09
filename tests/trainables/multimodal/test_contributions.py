from itertools import permutations

import numpy as np
import pytest

from trainables.multimodal.contributions import coalitions, contributions


def by_orders(worth):
    """Mean of what each modality adds where all of them arrive in every order: Shapley's own definition."""
    names = sorted(max(worth, key=len))
    orders = list(permutations(names))
    return {
        name: np.mean(
            [worth[frozenset(o[: o.index(name) + 1])] - worth[frozenset(o[: o.index(name)])] for o in orders]
        )
        for name in names
    }


@pytest.mark.parametrize("names", ["a", "ab", "abc", "abcd", "abcde"])
def test_contributions_are_means_over_all_orders_and_sum_to_what_is_gained(names):
    draw = np.random.default_rng(len(names))
    worth = {shown: draw.uniform() for shown in coalitions(names)}
    assert len(worth) == 2 ** len(names)
    found = contributions(worth)
    assert found == pytest.approx(by_orders(worth))
    assert sum(found.values()) == pytest.approx(worth[frozenset(names)] - worth[frozenset()])


def test_two_modalities_share_what_only_both_together_know():
    worth = dict(zip(coalitions("av"), (0.2, 0.6, 0.3, 0.9), strict=True))
    assert contributions(worth) == pytest.approx({"a": 0.5, "v": 0.2})


def test_a_modality_that_never_changes_anything_contributes_nothing():
    worth = {shown: float("a" in shown) for shown in coalitions("abc")}
    assert contributions(worth) == {"a": 1.0, "b": 0.0, "c": 0.0}
