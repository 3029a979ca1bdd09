import pytest
import torch

from trainables.multimodal.networks.fusion import ConcatenationFusion

SIZES = {"a": 3, "b": 5, "c": 2, "d": 4}


def fused(count):
    fusion = ConcatenationFusion(dict(list(SIZES.items())[:count]), classes=6)
    features = {name: torch.randn(7, size) for name, size in fusion.sizes.items()}
    return fusion, features, fusion(features)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_logits_of_the_modalities_sum_to_the_fused_ones(count):
    _, _, output = fused(count)
    torch.testing.assert_close(sum(output.unimodal.values()), output.fused)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_fused_logits_are_one_linear_head_over_the_concatenation(count):
    fusion, features, output = fused(count)
    torch.testing.assert_close(output.fused, fusion.head(torch.cat(list(features.values()), dim=1)))


def test_features_may_come_in_any_order():
    fusion, features, output = fused(3)
    backwards = dict(reversed(features.items()))
    assert torch.equal(fusion(backwards).fused, output.fused)


def test_columns_are_views_so_that_changing_them_changes_the_head():
    fusion, _, _ = fused(2)
    with torch.no_grad():
        fusion.columns()["b"].zero_()
    assert fusion.head.weight[:, 3:].abs().sum() == 0
    assert fusion.head.weight[:, :3].abs().sum() > 0
