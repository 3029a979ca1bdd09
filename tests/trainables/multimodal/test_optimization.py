import pytest
import torch

from trainables.multimodal.optimization import cut_gradients


@pytest.mark.parametrize(("longest", "expected"), [(1.0, [0.6, 0.8]), (10.0, [3.0, 4.0])])
def test_gradients_are_cut_to_a_common_length_and_only_if_longer(longest, expected):
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(3)]
    optimizer = torch.optim.SGD(parameters, lr=1.0)
    cut_gradients(optimizer, longest)
    parameters[0].grad, parameters[1].grad = torch.tensor([-3.0]), torch.tensor([-4.0])
    optimizer.step()
    assert [float(p.detach()) for p in parameters[:2]] == pytest.approx(expected, rel=1e-5)
    assert not parameters[2].any()
