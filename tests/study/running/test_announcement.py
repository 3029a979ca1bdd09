"""What is said before the first trial fits a terminal of 80 columns and shows no login."""

from dataclasses import replace
from pathlib import Path

import pytest

from study.records.mlflow_target import Target
from study.running import announcement
from study.running.announcement import of_cluster, of_seeds, of_trials
from study.settings import Resources


@pytest.fixture
def cluster(monkeypatch):
    """Twelve nodes, of which Ray tells the sum."""
    monkeypatch.setattr(announcement, "nodes_alive", lambda: [{}] * 12)
    monkeypatch.setattr(announcement.ray, "cluster_resources", lambda: {"CPU": 1536.0, "GPU": 96.0})


@pytest.mark.usefixtures("cluster")
def test_a_cluster_is_told_in_short_lines_without_logins():
    target = Target("http://alice:SECRET@mlflow:5000", "ravdess_dr", Path("unused"))
    lines = of_cluster(
        Resources(address="10.0.0.1:6379"),
        Path("/shared/results/ravdess_dr"),
        "postgresql://alice:SECRET@host/ledgers",
        target,
    )
    assert lines == [
        "Cluster: 12 nodes alive at 10.0.0.1:6379",
        "Results: /shared/results/ravdess_dr",
        "Ledger:  postgresql://alice:***@host/ledgers",
        "MLflow:  http://alice:***@mlflow:5000, experiment ravdess_dr",
    ]


@pytest.mark.usefixtures("cluster")
def test_trials_at_once_are_told_with_what_each_holds():
    line = of_trials(Resources(2.5, 0.25))
    assert line == "Ray:     1536 CPUs, 96 GPUs; 384 trials at once of 2.5 CPUs and 0.25 GPUs"
    assert len(line) <= 80


@pytest.mark.usefixtures("cluster")
def test_a_trial_without_a_gpu_is_seen_to_have_none():
    assert of_trials(Resources(1, 0)).endswith("1536 trials at once of 1 CPU and no GPU")


def test_seeds_are_told_with_the_folds_that_need_them(folded):
    settings, _ = folded
    (line,) = of_seeds(settings)
    assert line == "confirm takes 10 of joint, 5 of other methods; 5 folds need one each"
    assert len(f"Seeds:   {line}") <= 80
    alone = replace(settings, methods=("joint",), folds=(), budget=replace(settings.budget, most_seeds=20))
    assert of_seeds(alone) == ["confirm takes 10 to 40 of joint"]
    assert of_seeds(replace(settings, stages=("search",))) == []
