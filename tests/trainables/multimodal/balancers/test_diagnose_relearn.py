import numpy as np
import pytest
import torch

from trainables.multimodal.balancers.diagnose_relearn import (
    DiagnoseRelearn,
    purity,
    relearn,
    relearning_strength,
)
from trainables.multimodal.errors import InputError
from trainables.multimodal.optimizers import OPTIMIZERS, SGD


def reference_features(seed=101, n=600, m=150, d=16, k=6, sep=1.0):
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(k, d)) * sep
    y_train, y_val = draw.integers(0, k, n), draw.integers(0, k, m)
    train = centres[y_train] + draw.normal(size=(n, d))
    val = 0.6 * centres[y_val] + draw.normal(size=(m, d))
    return train.astype(np.float32), y_train, val.astype(np.float32), y_val


def test_purity_and_strength_give_the_reference_values():
    train, y_train, val, y_val = reference_features()
    of_train, of_val = purity(train, y_train, 6), purity(val, y_val, 6)
    strength = relearning_strength(abs(of_train - of_val), lam=3.0)
    assert [round(value, 5) for value in (of_train, of_val, strength)] == [0.98667, 0.78667, 0.53705]


@pytest.mark.parametrize(
    ("gap", "strength"), [(0.05, 0.149), (0.1, 0.291), (0.2, 0.537), (0.3, 0.716), (0.5, 0.905)]
)
def test_strength_at_lambda_3(gap, strength):
    assert relearning_strength(gap, 3.0) == pytest.approx(strength, abs=5e-4)


def test_relearning_moves_every_parameter_by_the_strength_towards_its_initial_value():
    encoder = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    initial = {name: torch.zeros_like(value) for name, value in encoder.named_parameters()}
    before = [parameter.detach().clone() for parameter in encoder.parameters()]
    relearn(encoder, initial, 0.25)
    for old, new in zip(before, encoder.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), 0.75 * old)


def test_relearning_leaves_parameters_trainable_and_statistics_alone():
    encoder = torch.nn.BatchNorm1d(2)
    encoder(torch.randn(4, 2))
    statistics = encoder.running_mean.clone()
    relearn(encoder, {n: torch.zeros_like(v) for n, v in encoder.named_parameters()}, 0.5)
    assert torch.equal(encoder.running_mean, statistics)
    assert all(parameter.requires_grad for parameter in encoder.parameters())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lam": -1}, "lam must be >= 0 and finite, got -1"),
        ({"lam": float("nan")}, "lam must be >= 0 and finite, got nan"),
        ({"every": 0}, "every must be >= 1, got 0"),
        ({"n_init": 0}, "n_init must be >= 1, got 0"),
        ({"max_relearnings": -1}, "max_relearnings must be >= 0, got -1"),
        ({"gap": "matched"}, "gap must be one of published, size_matched, got 'matched'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        DiagnoseRelearn(**options)


@pytest.mark.parametrize(("kind", "gap"), [("published", "gap"), ("size_matched", "gap_size_matched")])
def test_the_strength_follows_the_gap_that_is_asked_for(make_trainer, kind, gap):
    metrics = make_trainer(2, [DiagnoseRelearn(every=1, gap=kind)], epochs=2).fit()[-1]
    for name in ("vector", "clip"):
        strength = relearning_strength(metrics[f"purity/{name}/{gap}"], 3.0)
        assert metrics[f"relearning/{name}/strength"] == strength


def test_the_restarts_of_k_means_are_the_methods_and_change_its_strength(make_trainer):
    strengths = {}
    for n_init in (1, 10):
        trainer = make_trainer(1, [DiagnoseRelearn(every=1, n_init=n_init)], epochs=2, diagnose="every_epoch")
        trainer.run_epoch()
        parts = {part: trainer.features(part)["vector"] for part in ("train", "validation")}
        labels = {part: trainer.store.labels[rows] for part, rows in trainer._rows.items()}
        expected = [purity(parts[part], labels[part], 3, n_init=n_init) for part in parts]
        measured = trainer.diagnose()["vector"]
        assert [measured.train, measured.validation] == expected
        strengths[n_init] = trainer.run_epoch()["relearning/vector/strength"]
    assert strengths[1] != strengths[10]


def test_a_run_counts_restarts_once(make_trainer):
    with pytest.raises(InputError, match="each count restarts of k-means; a run can have one of them"):
        make_trainer(2, [DiagnoseRelearn(n_init=1), DiagnoseRelearn(n_init=2)])


def test_both_gaps_differ_on_the_toy_data(make_trainer):
    metrics = make_trainer(1, epochs=2).fit()[-1]
    assert metrics["purity/vector/gap"] != metrics["purity/vector/gap_size_matched"]


def test_the_published_schedule_relearns_after_epochs_20_40_and_60_counted_from_0():
    balancer, due = DiagnoseRelearn(lam=3.0, every=20, max_relearnings=3), []
    for index in range(90):
        if balancer.is_due(index):
            balancer.relearnings += 1
            due.append(index)
    assert due == [20, 40, 60]


def relearnt(make_trainer, optimizer=SGD, **options):
    """A trainer whose single re-learning, nearly complete, has just happened."""
    balancer = DiagnoseRelearn(lam=1e6, every=1, max_relearnings=1, **options)
    trainer = make_trainer(2, [balancer], epochs=4, seed=3, optimizer=optimizer)
    initial = trainer.constants()["balancers"][0]
    trainer.run_epoch()
    metrics = trainer.run_epoch()
    names = [n for n in trainer.model.encoders if metrics[f"relearning/{n}/strength"] == 1]
    assert names, "the toy data must show a gap"
    return trainer, initial, names, metrics


def test_a_full_relearning_gives_back_the_initial_parameters_and_only_those(make_trainer):
    trainer, initial, names, _ = relearnt(make_trainer)
    head = make_trainer(2, seed=3).model.fusion.columns()
    for name in names:
        for key, value in trainer.model.encoders[name].named_parameters():
            assert torch.equal(value, initial["encoders"][name][key])
        assert not torch.equal(trainer.model.fusion.columns()[name], head[name])


def test_reset_buffers_gives_back_the_initial_statistics(make_trainer):
    for switched in (False, True):
        trainer, initial, names, _ = relearnt(make_trainer, reset_buffers=switched)
        now = {n: v for m in names for n, v in trainer.model.encoders[m].named_buffers() if "running" in n}
        then = {n: v for m in names for n, v in initial["encoders"][m].items() if n in now}
        assert all(torch.equal(now[n], then[n]) == switched for n in now)


def test_reset_head_gives_back_the_heads_initial_columns_of_that_modality(make_trainer):
    trainer, initial, names, _ = relearnt(make_trainer, reset_head=True)
    for name, columns in trainer.model.fusion.columns().items():
        assert torch.equal(columns, initial["columns"][name]) == (name in names)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_reset_momentum_forgets_all_that_the_optimizer_keeps_of_the_encoders(make_trainer, optimizer):
    for switched in (False, True):
        trainer, _, names, _ = relearnt(make_trainer, reset_momentum=switched, optimizer=optimizer)
        state = trainer.optimizer.state
        parameters = [p for name in names for p in trainer.model.encoders[name].parameters()]
        assert all(not value.any() for p in parameters for value in state[p].values()) == switched


def test_purity_is_reported_at_relearnings_and_at_the_end_only(make_trainer):
    history = make_trainer(2, [DiagnoseRelearn(every=2, max_relearnings=1)], epochs=5).fit()
    assert [metrics["epoch"] for metrics in history if "purity/vector/gap" in metrics] == [3, 5]


def test_strengths_are_reported_when_relearning_happens_and_the_count_always(make_trainer):
    history = make_trainer(2, [DiagnoseRelearn(every=1, max_relearnings=2)], epochs=4).fit()
    assert [metrics["epoch"] for metrics in history if "relearning/clip/strength" in metrics] == [2, 3]
    assert [metrics["relearning/count"] for metrics in history] == [0, 1, 2, 2]


def test_the_strength_follows_the_gap_reported_beside_it(make_trainer):
    history = make_trainer(2, [DiagnoseRelearn(lam=2.0, every=1, max_relearnings=1)], epochs=2).fit()
    gap = history[-1]["purity/vector/gap"]
    assert history[-1]["relearning/vector/strength"] == relearning_strength(gap, 2.0)
