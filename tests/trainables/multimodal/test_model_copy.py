import copy

import pytest
import torch
from torch import nn

from trainables.multimodal.model_copy import ModelCopy


class Toy:
    """A number that every step of SGD with momentum lowers, and a copy of it."""

    def __init__(self):
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.model.weight, 1.0)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.5)
        for parameter in self.model.parameters():
            self.optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        self.copy = ModelCopy(self.model, self.optimizer)

    @property
    def weight(self):
        return round(self.model.weight.item(), 4)

    def train(self, name, steps=1):
        """The weight of what was trained, before it leaves its place."""
        with self.copy.in_place(name):
            for _ in range(steps):
                self.optimizer.zero_grad()
                self.model.weight.sum().backward()
                self.optimizer.step()
            return self.weight


def test_a_copy_begins_with_the_models_weights_and_no_momentum():
    toy = Toy()
    assert toy.train("", steps=2) == 0.75  # 1 - 0.1 - 0.15
    assert toy.train("a", steps=2) == 0.5
    assert toy.weight == 0.75
    assert toy.train("") == 0.575  # 0.75 - 0.175, with the momentum that it had


def test_a_copy_goes_on_where_it_was_until_another_is_named():
    toy = Toy()
    assert [toy.train("a"), toy.train("a"), toy.train("b")] == [0.9, 0.75, 0.9]
    assert [toy.train("a"), toy.weight] == [0.9, 1.0]


def test_no_copy_is_left_once_the_model_is_trained():
    toy = Toy()
    toy.train("a"), toy.train("")
    assert toy.copy.state_dict() == {"name": "", "learned": None}
    assert toy.train("a") == 0.8


def test_a_copy_goes_on_from_its_state():
    toy, other = Toy(), Toy()
    toy.train("a")
    other.copy.load_state_dict(copy.deepcopy(toy.copy.state_dict()))
    assert toy.train("a") == other.train("a") == 0.75
    assert other.weight == 1.0


def test_the_model_is_back_after_an_error():
    toy = Toy()
    toy.optimizer.step = lambda: nn.init.zeros_(toy.model.weight).fail
    with pytest.raises(AttributeError):
        toy.train("a")
    assert toy.weight == 1.0
