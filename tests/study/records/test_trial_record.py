"""Keys of trials: two trials have one key if and only if they must come to the same result."""

import pytest

from study.records.trial_record import Proposal, trial_key

PROPOSAL = Proposal({"lr": 0.01, "epochs": 3}, seed=5)


@pytest.mark.parametrize(
    "change",
    [{"config": {"lr": 0.02, "epochs": 3}}, {"seed": 6}, {"protocol": "paper"}],
    ids=["config", "seed", "protocol"],
)
def test_a_key_changes_with_whatever_decides_a_result(change):
    other = Proposal(
        **{"config": PROPOSAL.config, "seed": PROPOSAL.seed, "protocol": PROPOSAL.protocol} | change
    )
    assert trial_key("search", "joint", PROPOSAL, "d") != trial_key("search", "joint", other, "d")


def test_a_key_does_not_depend_on_the_order_of_settings():
    swapped = Proposal({"epochs": 3, "lr": 0.01}, seed=5)
    assert trial_key("search", "joint", PROPOSAL, "d") == trial_key("search", "joint", swapped, "d")
