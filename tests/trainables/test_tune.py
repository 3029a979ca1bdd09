"""The Trainables in somebody else's plain Tuner."""

import gc

import pytest
import ray
from ray import tune
from ray.tune.schedulers import HyperBandScheduler, PopulationBasedTraining

import search_spaces
from trainables import DiagnoseRelearnTrainable

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # processes of trials start one by one on a busy machine
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
    ),
]


@pytest.fixture(scope="module", autouse=True)
def session():
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def tuned(folder, config, scheduler, samples):
    """Results of a plain Tuner."""
    tuner = tune.Tuner(
        DiagnoseRelearnTrainable,
        param_space=config,
        tune_config=tune.TuneConfig(
            metric="best/accuracy", mode="max", scheduler=scheduler, num_samples=samples, reuse_actors=True
        ),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    )
    results = tuner.fit()
    del tuner
    gc.collect()  # so that what Ray left open is reported here, not in another test
    return results


def test_hyperband_stops_trials_early_and_finds_a_best_one(settings, tmp_path):
    config = settings(2, epochs=6, **search_spaces.diagnose_relearn(6))
    results = tuned(tmp_path, config, HyperBandScheduler(time_attr="epoch", max_t=6), samples=6)
    assert not results.errors
    epochs = [result.metrics["epoch"] for result in results]
    assert min(epochs) < max(epochs) == 6
    assert results.get_best_result().metrics["best/accuracy"] > 0


def test_population_based_training_copies_weights_and_changes_the_rate(settings, tmp_path):
    mutations = {"lr": tune.loguniform(1e-3, 1e-1), "lam": tune.uniform(0, 10)}
    scheduler = PopulationBasedTraining(
        time_attr="epoch", perturbation_interval=2, hyperparam_mutations=mutations, synch=True
    )
    config = settings(2, epochs=6, every=1, **mutations)
    results = tuned(tmp_path, config, scheduler, samples=4)
    assert not results.errors
    assert [result.metrics["epoch"] for result in results] == [6] * 4
    assert all(result.metrics["lr"] == result.config["lr"] for result in results)
