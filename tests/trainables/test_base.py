"""The Trainables driven by hand, as Tune does it, without a Ray session."""

import pytest
import torch

from trainables import BoostingTrainable, DiagnoseRelearnTrainable, JointTrainable
from trainables.multimodal.errors import InputError
from trainables.multimodal.optimizers import OPTIMIZERS

pytestmark = pytest.mark.usefixtures("few_restarts")


@pytest.fixture
def config(settings):
    return settings(2, epochs=3, lam=3.0, every=1)


def without_time(result):
    return {
        name: value for name, value in result.items() if name.startswith(("train/", "validation/", "best/"))
    }


def weights(trainable):
    return trainable.trainer.model.state_dict()


def test_a_step_is_an_epoch_and_the_last_says_done(config):
    trainable = DiagnoseRelearnTrainable(config)
    results = [trainable.step() for _ in range(3)]
    assert [(r["epoch"], r["done"], r["diverged"]) for r in results] == [
        (1, False, 0),
        (2, False, 0),
        (3, True, 0),
    ]


def test_a_trial_that_moves_to_another_worker_goes_on_exactly(config, tmp_path):
    first = DiagnoseRelearnTrainable(config)
    first.step()
    first.save_checkpoint(str(tmp_path))
    expected = without_time(first.step())
    second = DiagnoseRelearnTrainable({**config, "seed": 7})
    second.reset_config(config)
    second.load_checkpoint(str(tmp_path))
    assert without_time(second.step()) == expected
    assert all(torch.equal(value, weights(second)[name]) for name, value in weights(first).items())


def test_a_finished_trial_repeats_its_result_instead_of_training_on(config, tmp_path):
    first = DiagnoseRelearnTrainable({**config, "epochs": 2})
    first.step()
    last = first.step()
    assert first.step() == last
    first.save_checkpoint(str(tmp_path))
    second = DiagnoseRelearnTrainable({**config, "epochs": 2})
    second.load_checkpoint(str(tmp_path))
    assert second.step() == last
    assert all(torch.equal(value, weights(second)[name]) for name, value in weights(first).items())


def test_a_finished_trial_goes_on_if_it_is_given_more_epochs(config, tmp_path):
    first = DiagnoseRelearnTrainable({**config, "epochs": 1})
    first.step()
    first.save_checkpoint(str(tmp_path))
    second = DiagnoseRelearnTrainable({**config, "epochs": 2})
    second.load_checkpoint(str(tmp_path))
    results = [second.step() for _ in range(2)]
    assert [(result["epoch"], result["done"]) for result in results] == [(2, True), (2, True)]


def test_a_trial_of_fewer_epochs_than_its_checkpoint_has_ends_at_once(config, tmp_path):
    first = DiagnoseRelearnTrainable(config)
    for _ in range(2):
        first.step()
    first.save_checkpoint(str(tmp_path))
    second = DiagnoseRelearnTrainable({**config, "epochs": 1})
    second.load_checkpoint(str(tmp_path))
    assert (second.step()["epoch"], second.step()["done"]) == (2, True)


def test_a_donors_initial_weights_come_with_its_checkpoint(config, tmp_path):
    config = {**config, "reset_head": True}
    donor, heir = DiagnoseRelearnTrainable(config), DiagnoseRelearnTrainable({**config, "seed": 7})
    donor.step()
    donor.save_checkpoint(str(tmp_path))
    heir.load_checkpoint(str(tmp_path))
    kept = [t.trainer.constants()["balancers"][0]["columns"]["vector"] for t in (donor, heir)]
    assert torch.equal(*kept)


def test_a_grown_trial_can_take_up_a_smaller_ones_checkpoint(settings, tmp_path):
    config = settings(2, epochs=6, period=1, sigma=0.0, tau=0.0)
    donor, heir = BoostingTrainable(config), BoostingTrainable(config)
    for trainable, steps in ((donor, 2), (heir, 4)):
        for _ in range(steps):
            trainable.step()
    donor.save_checkpoint(str(tmp_path))
    heir.load_checkpoint(str(tmp_path))
    assert [len(heads) for heads in heir.trainer.model.fusion.heads.values()] == [3, 3]
    assert heir.step()["epoch"] == 3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_population_based_training_may_change_the_learning_rate_under_every_optimizer(
    settings, tmp_path, optimizer
):
    config = settings(2, epochs=6, period=1, sigma=0.0, tau=0.0, optimizer=optimizer, warmup_epochs=1)
    donor, heir = BoostingTrainable(config), BoostingTrainable(config)
    for trainable, steps in ((donor, 3), (heir, 2)):
        for _ in range(steps):
            trainable.step()
    donor.save_checkpoint(str(tmp_path))
    heir.reset_config({**config, "lr": 0.003})
    heir.load_checkpoint(str(tmp_path))
    moments, kept = (t.trainer.state_dict()["optimizer"]["state"] for t in (heir, donor))
    assert all(torch.equal(moments[n][key], value) for n, of in kept.items() for key, value in of.items())
    assert heir.step()["lr"] == 0.003
    assert {group["lr"] for group in heir.trainer.optimizer.param_groups} == {0.003}
    assert heir.result["epoch"] == 4


def test_a_reused_actor_starts_with_one_head_again(settings):
    config = settings(2, epochs=6, period=1, sigma=0.0, tau=0.0)
    trainable = BoostingTrainable(config)
    for _ in range(3):
        trainable.step()
    assert trainable.reset_config(config)
    assert [len(heads) for heads in trainable.trainer.model.fusion.heads.values()] == [1, 1]


def test_reset_starts_over_with_the_new_settings(config):
    trainable = DiagnoseRelearnTrainable(config)
    trainable.step()
    assert trainable.reset_config({**config, "lr": 0.01}) is True
    assert trainable.step()["epoch"] == 1
    assert trainable.trainer.config.lr == 0.01


@pytest.fixture
def diverged(settings):
    """A trial that has diverged in its first epoch."""
    trainable = JointTrainable(settings(2, lr=1e30))
    trainable.step()
    return trainable


def test_a_diverged_trial_ends_with_finite_worst_values(diverged):
    result = diverged.step()  # and trains no further
    assert (result["done"], result["diverged"], result["best/accuracy"], result["epoch"]) == (True, 1, 0.0, 1)
    assert all(abs(value) < float("inf") for value in result.values())


def test_the_actor_of_a_diverged_trial_serves_the_next(diverged, settings):
    diverged.reset_config(settings(2))
    result = diverged.step()
    assert (result["done"], result["diverged"], result["epoch"]) == (False, 0, 1)


def test_a_setting_of_another_method_is_refused(config):
    with pytest.raises(InputError, match="unknown setting every, lam"):
        JointTrainable(config)
