import numpy as np
import pytest
import torch
from torch.nn import functional

from trainables.multimodal.balancers.boosting import (
    Boosting,
    assign_classifier,
    boosting_loss,
)
from trainables.multimodal.balancers.boosting_math import (
    assign_as_released,
    assign_by_difference,
    boosting_terms,
)
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.errors import Diverged, InputError
from trainables.multimodal.methods import METHODS

ALWAYS = {"sigma": 0.0, "tau": 0.0}  # every modality is weak
NEVER = {"sigma": 100.0}


def reference():
    """Logits and labels of METHODS' reference values."""
    draw = np.random.default_rng(200)
    heads = [torch.from_numpy(draw.normal(size=(8, 6))) for _ in range(2)]
    return heads, torch.from_numpy(draw.integers(0, 6, 8))


def random_heads(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    heads = [torch.randn(16, 5, generator=generator, dtype=torch.float64) for _ in range(count)]
    return heads, torch.randint(5, (16,), generator=generator)


@pytest.mark.parametrize(("smoothing", "expected"), [(0.5, 8.5356654), (0.2, 8.5719393)])
def test_the_loss_has_the_reference_values(smoothing, expected):
    heads, target = reference()
    assert float(boosting_loss(heads, target, smoothing=smoothing)) == pytest.approx(expected, abs=5e-8)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_newest_and_residual_are_one_weighted_cross_entropy(count):
    heads, target = random_heads(count)
    terms = boosting_terms(heads, target, smoothing=0.3)
    known = sum(heads[:-1]).softmax(dim=1)[torch.arange(16), target]
    closed = ((1 - 0.3 * known) * functional.cross_entropy(heads[-1], target, reduction="none")).mean()
    torch.testing.assert_close(terms["newest"] + terms["residual"], closed)


@pytest.mark.parametrize("count", [2, 3])
def test_the_residual_term_is_cross_entropy_against_the_smoothed_target(count):
    heads, target = random_heads(count)
    q = sum(heads[:-1]).softmax(dim=1)
    soft = functional.one_hot(target, 5) * q
    expected = -0.5 * -(soft * heads[-1].log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(boosting_terms(heads, target, smoothing=0.5)["residual"], expected)


def test_with_two_heads_both_residual_forms_agree_and_with_three_they_do_not():
    for count, equal in ((2, True), (3, False)):
        heads, target = random_heads(count)
        losses = [boosting_loss(heads, target, smoothing=0.5, residual=form) for form in ("sum", "per_head")]
        assert torch.isclose(*losses) == equal


def test_the_weight_of_the_per_head_form_may_turn_negative():
    heads = [torch.tensor([[20.0, 0.0]])] * 4 + [torch.tensor([[0.0, 0.0]])]
    terms = boosting_terms(heads, torch.tensor([0]), smoothing=1.0, residual="per_head")
    assert float(terms["newest"] + terms["residual"]) == pytest.approx(-3 * np.log(2))


def test_the_residual_weight_has_no_gradient():
    heads, target = random_heads(2)
    heads[0].requires_grad_()
    heads[1].requires_grad_()
    terms = boosting_terms(heads, target, smoothing=0.5)
    assert torch.autograd.grad(terms["residual"], heads, allow_unused=True)[0] is None


def test_lambda_zero_leaves_the_newest_heads_loss_whole():
    heads, target = random_heads(2)
    terms = boosting_terms(heads, target, smoothing=0.0)
    assert float(terms["residual"]) == 0
    assert float(terms["newest"]) == pytest.approx(float(functional.cross_entropy(heads[1], target)))


def test_one_head_is_plain_cross_entropy():
    heads, target = random_heads(1)
    torch.testing.assert_close(
        boosting_loss(heads, target, smoothing=0.9), functional.cross_entropy(heads[0], target)
    )


def test_a_modality_without_a_head_is_refused():
    with pytest.raises(ValueError, match="at least one head"):
        boosting_loss([], torch.tensor([0]), smoothing=0.5)


@pytest.mark.parametrize(
    ("scores", "weak"),
    [
        ({"a": 0.5, "b": 0.5}, []),
        ({"a": 0.5, "b": 0.4}, ["b"]),
        ({"a": 0.3, "b": 0.4}, ["a"]),
        ({"a": 0.404, "b": 0.4}, []),  # a ratio of exactly 1.01 is not above the threshold
        ({"a": 0.0, "b": 0.4}, ["a"]),
        ({"a": 0.6, "b": 0.5, "c": 0.1}, ["c"]),
        ({"a": 0.9, "b": 0.1, "c": 0.1}, ["b", "c"]),
        ({"a": 0.7}, []),
    ],
    ids=str,
)
def test_the_weak_modality_gets_the_head(scores, weak):
    assert assign_classifier(scores) == weak


@pytest.mark.parametrize("seed", range(20))
def test_the_rule_equals_the_releases_for_two_and_three_modalities(seed):
    a, b, c = np.random.default_rng(seed).uniform(0.05, 0.95, 3)
    two = [name for name, ratio in (("a", b / a), ("b", a / b)) if ratio > 1.01]
    assert assign_classifier({"a": a, "b": b}) == two
    mean = {"a": (b + c) / 2, "b": (a + c) / 2, "c": (a + b) / 2}
    three = [name for name, own in (("a", a), ("b", b), ("c", c)) if mean[name] / own > 1.25]
    assert assign_classifier({"a": a, "b": b, "c": c}, sigma=1.0, tau=0.25) == three


@pytest.mark.parametrize(
    ("audio", "visual", "sigma", "tau", "weak"),
    [
        (0.5, 0.4, 1.0, 0.01, ["visual"]),
        (0.4, 0.5, 1.0, 0.01, ["audio"]),
        (0.5, 0.497, 1.0, 0.01, []),
        (0.5, 0.497, 0.5, 0.01, ["visual"]),  # r = 1.006 > .51, where the symmetric rule gives both one
        (0.5, 0.4, 1.5, 0.01, ["audio"]),  # r = 1.25 < 1.49, where the symmetric rule gives neither
        (0.5, 0.4, 1.25, 0.01, []),
    ],
)
def test_the_released_rule_compares_the_first_with_the_second(audio, visual, sigma, tau, weak):
    scores = {"audio": audio, "visual": visual}
    assert assign_as_released(scores, sigma=sigma, tau=tau) == weak


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.3])
def test_the_released_rule_never_gives_both_a_head_and_is_ours_at_sigma_1(seed, sigma):
    scores = dict(zip("ab", np.random.default_rng(seed).uniform(0.05, 0.95, 2), strict=True))
    weak = assign_as_released(scores, sigma=sigma)
    assert len(weak) <= 1
    if sigma == 1.0:
        assert weak == assign_classifier(scores)


def test_the_released_rule_is_for_two_modalities(make_trainer):
    with pytest.raises(ValueError, match="compares two modalities, got 3"):
        assign_as_released({"a": 0.1, "b": 0.2, "c": 0.3})
    for modalities, wrong in ((1, "needs at least 2"), (3, "compares 2 modalities with these settings")):
        with pytest.raises(InputError, match=f"{wrong}.* and the run has {modalities}"):
            make_trainer(modalities, [Boosting(assignment="released")])


def test_a_run_may_follow_the_released_rule(make_trainer):
    boosting = Boosting(period=1, assignment="released", sigma=0.0, tau=0.0)
    trainer, _ = run(make_trainer, [boosting], 1)
    assert head_counts(trainer) == {"vector": 1, "clip": 2}  # any ratio is above 0


def test_the_difference_form_is_absolute():
    scores = {"a": 0.5, "b": 0.4, "c": 0.45}
    assert assign_by_difference(scores, sigma=1.0, tau=0.05) == ["b"]
    assert assign_by_difference(scores, sigma=0.5, tau=0.24) == ["b"]
    assert assign_by_difference({"a": 0.5}, tau=0.0) == []


@pytest.mark.parametrize("rule", [assign_classifier, assign_by_difference, assign_as_released])
def test_scores_that_are_all_zero_are_refused(rule):
    with pytest.raises(ValueError, match="all scores are zero"):
        rule({"a": 0.0, "b": 0.0})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"smoothing": -0.1}, "smoothing must be >= 0"),
        ({"sigma": float("nan")}, "sigma must be >= 0"),
        ({"period": 0}, "period must be >= 1, got 0"),
        ({"max_heads": 1.5}, "max_heads must be a whole number, got 1.5"),
        ({"residual": "both"}, "residual must be one of sum, per_head"),
        ({"assignment": "x"}, "assignment must be one of ratio, difference, released, random"),
        ({"step": "x"}, "step must be one of alternating, joint"),
        ({"remedy": "x"}, "remedy must be one of head, triple"),
        ({"train_new_heads": 1}, "train_new_heads must be true or false"),
        ({"assign_first": "no"}, "assign_first must be true or false"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Boosting(**options)


def head_counts(trainer):
    return {name: len(heads) for name, heads in trainer.model.fusion.heads.items()}


def run(make_trainer, balancers, epochs, modalities=2, **changes):
    """A trainer that stands after `epochs` of 9 epochs, and the metrics of the last."""
    trainer = make_trainer(modalities, balancers, **{"epochs": 9, **changes})
    metrics = {}
    for _ in range(epochs):
        metrics = trainer.run_epoch()
    return trainer, metrics


@pytest.mark.parametrize(
    ("period", "first", "counts"),
    [
        (2, False, [1, 2, 2, 3, 3, 4, 4, 5, 5]),
        (4, False, [1, 1, 1, 2, 2, 2, 2, 3, 3]),
        (4, True, [2, 2, 2, 3, 3, 3, 3, 4, 4]),
        (3, False, [1, 1, 2, 2, 2, 3, 3, 3, 3]),  # a head after the last epoch could not be trained
        (1, True, [2, 3, 4, 5, 6, 7, 8, 9, 9]),
    ],
)
def test_heads_are_assigned_after_epochs_t_2t_counted_from_1(make_trainer, period, first, counts):
    trainer, _ = run(make_trainer, [Boosting(period=period, assign_first=first, **ALWAYS)], 0)
    seen = []
    for _ in range(9):
        trainer.run_epoch()
        seen.append(head_counts(trainer)["vector"])
    assert seen == counts


def test_the_release_assigns_after_epoch_1_and_every_twentieth_of_200():
    boosting = Boosting(period=20, assign_first=True)
    assert [epoch for epoch in range(1, 200) if boosting.is_due(epoch)] == [1, *range(20, 200, 20)]


def test_no_modality_gets_more_heads_than_it_may_have(make_trainer):
    trainer, _ = run(make_trainer, [Boosting(period=1, max_heads=3, **ALWAYS)], 7)
    assert head_counts(trainer) == {"vector": 3, "clip": 3}


def test_a_new_head_joins_exactly_one_modality(make_trainer):
    boosting = Boosting(period=1, max_heads=9, tau=0.0)
    trainer, _ = run(make_trainer, [boosting], 3)
    assert sum(head_counts(trainer).values()) == 2 + len(boosting.grown) == 2 + 3


def test_the_modality_that_classifies_worse_gets_the_head(make_trainer):
    trainer, metrics = run(make_trainer, [Boosting(period=1, tau=0.0)], 1)
    scores = {name: metrics[f"boosting/{name}/score"] for name in trainer.model.encoders}
    weak = min(scores, key=scores.get)
    assert head_counts(trainer) == {name: 1 + (name == weak) for name in scores}


def test_a_head_has_the_published_size_and_initial_values(make_trainer):
    trainer, _ = run(make_trainer, [Boosting()], 0)
    linear = trainer.model.fusion.heads_of("vector")[0][0]
    assert linear.out_features == 256
    assert linear.bias.abs().sum() == 0
    assert float(linear.weight.detach().std()) == pytest.approx((2 / (6 + 256)) ** 0.5, rel=0.1)


def test_the_shared_layer_is_one_tensor(make_trainer):
    trainer, _ = run(make_trainer, [Boosting(period=1, **ALWAYS)], 2)
    fusion = trainer.model.fusion
    features = {name: torch.zeros(1, size) for name, size in fusion.sizes.items()}
    with torch.no_grad():
        fusion.shared.bias.fill_(7.0)
        fusion.shared.weight.zero_()
    logits = [one for name in features for one in fusion.head_logits(name, features[name])]
    assert len(logits) == 6
    assert all(bool((one == 7).all()) for one in logits)
    shared = [
        p for group in trainer.optimizer.param_groups for p in group["params"] if p is fusion.shared.bias
    ]
    assert len(shared) == 1


@pytest.mark.parametrize("trained", [True, False])
def test_new_heads_are_trained_unless_told_otherwise(make_trainer, trained):
    trainer, _ = run(make_trainer, [Boosting(period=1, train_new_heads=trained, **ALWAYS)], 1)
    heads = trainer.model.fusion.heads_of("vector")
    before = [{key: value.clone() for key, value in head.state_dict().items()} for head in heads]
    trainer.run_epoch()
    same = [
        all(torch.equal(value, head.state_dict()[key]) for key, value in old.items())
        for old, head in zip(before, heads, strict=False)
    ]
    assert same == [False, not trained]


def test_each_modality_moves_by_its_own_loss_alone_and_sees_the_shared_layer_after_the_step_before(
    make_trainer,
):
    """The update written out by hand, from the same weights and the same batch."""
    trainer, _ = run(make_trainer, [Boosting()], 0, momentum=0.0, weight_decay=0.0)
    twin, _ = run(make_trainer, [Boosting()], 0, momentum=0.0, weight_decay=0.0)
    batch = next(iter(trainer._loader("train").ordered()))
    trainer.balancers[0].step(trainer, batch)

    features = twin.encode(batch)
    for name in twin.model.encoders:
        [logits] = twin.model.fusion.head_logits(name, features[name])
        twin.model.zero_grad(set_to_none=True)
        functional.cross_entropy(logits, batch.labels).backward()
        touched = [p for p in twin.model.parameters() if p.grad is not None]
        own = [*twin.model.encoders[name].parameters(), *twin.model.fusion.heads[name].parameters()]
        assert len(touched) == len(own) + 2  # weight and bias of the shared layer
        with torch.no_grad():
            for parameter in touched:
                parameter -= twin.config.lr * parameter.grad
    for one, other in zip(trainer.model.parameters(), twin.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_modality_without_a_gradient_keeps_weights_and_momentum(make_trainer):
    trainer, _ = run(make_trainer, [Boosting()], 1)
    batch = next(iter(trainer._loader("train").ordered()))
    first, second = trainer.model.encoders
    other = trainer.model.encoders[second]
    before = [p.clone() for p in other.parameters()]
    features = trainer.encode(batch)
    [logits] = trainer.model.fusion.head_logits(first, features[first])
    trainer.update(functional.cross_entropy(logits, batch.labels))
    assert all(torch.equal(a, b) for a, b in zip(before, other.parameters(), strict=True))


def test_joint_steps_take_one_step_on_the_sum(make_trainer):
    trainer, _ = run(make_trainer, [Boosting(step="joint")], 0, momentum=0.0, weight_decay=0.0)
    twin, _ = run(make_trainer, [Boosting()], 0, momentum=0.0, weight_decay=0.0)
    batch = next(iter(trainer._loader("train").ordered()))
    trainer.balancers[0].step(trainer, batch)
    output = twin.forward(batch)
    sum(functional.cross_entropy(logits, batch.labels) for logits in output.unimodal.values()).backward()
    with torch.no_grad():
        for parameter in twin.model.parameters():
            parameter -= twin.config.lr * parameter.grad
    for one, other in zip(trainer.model.parameters(), twin.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_the_prediction_is_the_weighted_sum_of_the_modalities_logits(make_trainer):
    weights = {"clip": 3.0, "vector": 1.0}
    trainer, _ = run(make_trainer, [Boosting(period=1, fusion_weights=weights, **ALWAYS)], 2)
    batch = next(iter(trainer._loader("validation").ordered()))
    trainer.model.eval()
    output = trainer.forward(batch)
    expected = 0.25 * output.unimodal["vector"] + 0.75 * output.unimodal["clip"]
    torch.testing.assert_close(output.fused, expected)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"vector": 1.0}, "given for vector, and the modalities are vector, clip"),
        ({"vector": 0.0, "clip": 0.0}, "at least one fusion weight must be above 0"),
        ({"vector": -1.0, "clip": 2.0}, "must be numbers >= 0"),
    ],
    ids=str,
)
def test_weights_that_fit_no_prediction_are_refused(make_trainer, weights, sentence):
    with pytest.raises(InputError, match=sentence):
        make_trainer(2, [Boosting(fusion_weights=weights)])


def test_a_modality_of_weight_zero_is_trained_but_does_not_predict(make_trainer):
    _, metrics = run(make_trainer, [Boosting(fusion_weights={"vector": 0.0, "clip": 1.0})], 1)
    assert metrics["validation/accuracy"] == pytest.approx(metrics["boosting/clip/accuracy"])
    assert metrics["train/vector/loss"] > 0


def test_every_number_of_the_method_is_reported(make_trainer):
    _, metrics = run(make_trainer, [Boosting(period=1, **ALWAYS)], 2)
    for name in ("vector", "clip"):
        terms = [metrics[f"train/{name}/loss_{t}"] for t in ("all", "earlier", "newest", "residual")]
        assert metrics[f"train/{name}/loss"] == pytest.approx(sum(terms))
        assert 0 < metrics[f"boosting/{name}/score"] < 1
        assert metrics[f"boosting/{name}/heads"] == 2  # in this epoch; the third comes after it
        assert {f"boosting/{name}/accuracy", f"boosting/{name}/accuracy_earlier"} <= metrics.keys()
    losses = [metrics[f"train/{name}/loss_all"] for name in ("vector", "clip")]
    assert metrics["boosting/gap"] == pytest.approx(max(losses) - min(losses))


def test_an_epoch_without_any_probability_of_the_true_class_is_a_divergence(make_trainer):
    trainer, _ = run(make_trainer, [Boosting(period=1)], 1)
    with pytest.raises(Diverged, match="no modality gave the true class"):
        trainer.balancers[0]._weak(trainer, {"vector": 0.0, "clip": 0.0})


def test_control_no_heads_never_adds_one(make_trainer):
    trainer, _ = run(make_trainer, [Boosting(period=1, **ALWAYS, **METHODS["boosting_no_heads"].fixed)], 4)
    assert head_counts(trainer) == {"vector": 1, "clip": 1}


def test_control_random_gives_one_modality_a_head_each_time_and_each_in_turn(make_trainer):
    boosting = Boosting(period=1, max_heads=20, **NEVER, **METHODS["boosting_random"].fixed)
    run(make_trainer, [boosting], 8)
    assert len(boosting.grown) == 8
    assert set(boosting.grown) == {"vector", "clip"}


def test_control_tripled_weighs_the_loss_of_whom_the_rule_would_give_a_head(make_trainer):
    boosting = Boosting(period=1, **ALWAYS, **METHODS["boosting_tripled"].fixed)
    trainer, metrics = run(make_trainer, [boosting], 3)
    assert head_counts(trainer) == {"vector": 1, "clip": 1}
    assert boosting.factors == {"vector": 3.0, "clip": 3.0}
    assert metrics["train/vector/loss"] == pytest.approx(3 * metrics["train/vector/loss_all"])


def test_with_relearning_encoders_return_and_heads_shared_layer_and_momentum_stay(make_trainer):
    """Both fall on one epoch: the head comes first, then encoders are re-learnt, and nothing else."""

    class Watching(DiagnoseRelearn):
        def on_epoch_end(self, trainer):
            self.before = trainer.state_dict()
            return super().on_epoch_end(trainer)

    relearning = Watching(lam=1e6, every=1, max_relearnings=1)
    trainer, metrics = run(make_trainer, [Boosting(period=1, **ALWAYS), relearning], 2, seed=3)
    after, before = trainer.state_dict(), relearning.before
    changed = {
        name for name, value in after["model"].items() if not torch.equal(value, before["model"][name])
    }
    assert changed
    assert all(name.startswith("encoders.") for name in changed)
    assert "fusion.heads.vector.1.0.weight" in before["model"]
    for index, state in after["optimizer"]["state"].items():
        assert torch.equal(state["momentum_buffer"], before["optimizer"]["state"][index]["momentum_buffer"])
    assert metrics["relearning/count"] == 1


def test_heads_cannot_be_reset_by_modality(make_trainer):
    with pytest.raises(InputError, match="leave reset_head off"):
        make_trainer(2, [Boosting(), DiagnoseRelearn(reset_head=True)])
