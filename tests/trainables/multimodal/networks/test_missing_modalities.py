import pytest
import torch

from trainables.multimodal.evaluation import Evaluation
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.networks.fusion import (
    AveragedFusion,
    BoostedFusion,
    ConcatenationFusion,
    fused_from,
)
from trainables.multimodal.networks.missing_modalities import (
    EVERYWHERE,
    having,
    present_rows,
    spread,
    without,
)
from trainables.multimodal.networks.model_spec import ModelSpec
from trainables.multimodal.tasks import Classification

SIZES = {"a": 3, "b": 5}
MASK = torch.tensor([True, False, True, False])
SPEC = ModelSpec(("no", "yes"), {"v": (5,), "f": (2, 3, 16, 16)}, width=0.05, hidden=6, frames=2)


def weighing(kind):
    torch.manual_seed(0)
    return kind(SIZES, 3, {"a": 1.0, "b": 3.0})


def features(samples=4):
    torch.manual_seed(1)
    return {name: torch.randn(samples, size) for name, size in SIZES.items()}


def test_values_return_to_their_places_among_zeros():
    values = torch.arange(1.0, 9.0).view(4, 2)
    kept = having({"a": MASK}, "a", values)
    assert kept.tolist() == [[1, 2], [5, 6]]
    assert spread({"a": MASK}, "a", kept).tolist() == [[1, 2], [0, 0], [5, 6], [0, 0]]


def test_a_modality_that_every_sample_has_is_left_as_it_is():
    values = torch.rand(4, 2)
    assert having({"b": MASK}, "a", values) is spread({"b": MASK}, "a", values) is values


def test_a_modality_that_no_sample_has_has_no_rows_of_its_own():
    present = {"a": MASK, "b": torch.zeros(4, dtype=torch.bool)}
    found = present_rows(present, features(), torch.arange(4))
    assert found.keys() == {"a"}
    assert found["a"][1].tolist() == [0, 2]


@pytest.mark.parametrize("kind", [AveragedFusion, BoostedFusion])
def test_logits_are_averaged_over_the_modalities_that_a_sample_has(kind):
    fusion, known = weighing(kind), features()
    output = fusion(known, {"b": MASK})
    both = 0.25 * output.unimodal["a"] + 0.75 * output.unimodal["b"]
    torch.testing.assert_close(output.fused[MASK], both[MASK])
    torch.testing.assert_close(output.fused[~MASK], output.unimodal["a"][~MASK])


@pytest.mark.parametrize("kind", [AveragedFusion, BoostedFusion])
def test_masks_without_a_gap_change_nothing(kind):
    fusion, known = weighing(kind), features()
    everybody = {name: torch.ones(4, dtype=torch.bool) for name in SIZES}
    torch.testing.assert_close(fusion(known, everybody).fused, fusion(known).fused)


@pytest.mark.parametrize("kind", [AveragedFusion, BoostedFusion])
def test_a_sample_without_any_modality_has_equal_logits(kind):
    fusion = weighing(kind)
    nobody = {name: torch.zeros(4, dtype=torch.bool) for name in SIZES}
    assert not fusion(features(), nobody).fused.any()


def test_a_concatenation_without_a_modality_is_what_the_other_columns_give():
    fusion = ConcatenationFusion(SIZES, 3)
    known = features()
    expected = known["a"] @ fusion.columns()["a"].T + fusion.head.bias
    torch.testing.assert_close(fused_from(fusion, known, EVERYWHERE, ["a"]), expected)


@pytest.mark.parametrize("kind", [AveragedFusion, BoostedFusion])
def test_averaged_logits_without_a_modality_are_those_of_the_other(kind):
    fusion, known = weighing(kind), features()
    torch.testing.assert_close(fused_from(fusion, known, EVERYWHERE, ["a"]), fusion(known).unimodal["a"])


def test_leaving_a_modality_out_keeps_the_gaps_of_the_others():
    left = without({"a": MASK}, {"b": torch.zeros(4, 5)})
    assert (left["a"].tolist(), left["b"].tolist()) == (MASK.tolist(), [False] * 4)


def inputs(samples=4):
    torch.manual_seed(2)
    return {name: torch.randn(samples, *shape) for name, shape in SPEC.shapes.items()}


@pytest.mark.parametrize("held", [0, 1, 2, 4])
def test_any_number_of_samples_may_have_a_modality_in_training(held):
    model, mask = MultimodalModel(SPEC).train(), torch.arange(4) < held
    output = model(inputs(), {"f": mask})
    output.fused.sum().backward()
    assert output.fused.isfinite().all()
    assert not output.features["f"][~mask].any()
    assert output.features["f"][mask].any(dim=1).all()
    assert (model.encoders["f"].conv1.weight.grad is None) == (held == 0)


def test_batch_norm_sees_the_samples_that_are_there_alone():
    torch.manual_seed(3)
    model, given = MultimodalModel(SPEC).train(), inputs()
    twin = MultimodalModel(SPEC).train()
    twin.load_state_dict(model.state_dict())
    gaps = model({**given, "f": given["f"].masked_fill(~MASK.view(4, 1, 1, 1, 1), float("nan"))}, {"f": MASK})
    alone = twin({name: values[MASK] for name, values in given.items()})
    torch.testing.assert_close(gaps.features["f"][MASK], alone.features["f"])
    for one, other in zip(model.encoders["f"].buffers(), twin.encoders["f"].buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_an_encoder_learns_from_batches_again_after_a_single_sample():
    model = MultimodalModel(SPEC).train()
    model(inputs(), {"f": torch.arange(4) < 1})
    model(inputs(), {"f": torch.arange(4) < 3})
    assert model.encoders["f"].bn1.training
    assert model.encoders["f"].bn1.num_batches_tracked == 1


def test_predictions_may_be_asked_for_samples_with_gaps():
    model, given = MultimodalModel(SPEC).eval(), {name: v.numpy() for name, v in inputs().items()}
    whole, gaps = model.predict(given), model.predict(given, {"f": MASK.numpy()})
    assert gaps[MASK.numpy()] == pytest.approx(whole[MASK.numpy()])
    assert (abs(gaps - whole).sum(axis=1) > 0).tolist() == (~MASK).tolist()


def test_a_modality_is_scored_on_the_samples_that_have_it():
    labels = torch.tensor([0, 1, 0, 1])
    right_where_present = torch.eye(2)[torch.tensor([0, 0, 0, 0])]
    metrics = Evaluation({}, right_where_present, labels, {"a": MASK}).metrics(
        Classification(("no", "yes")), {"a": right_where_present, "b": right_where_present}
    )
    assert (metrics["accuracy"], metrics["a/accuracy"], metrics["b/accuracy"]) == (0.5, 1.0, 0.5)
