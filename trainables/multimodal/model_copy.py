"""A copy of a model that is trained in the model's place for some epochs, while the model itself waits."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from trainables.multimodal.optimizers import scale_moments


class ModelCopy:
    """The weights and moments of a copy, which model and optimizer hold while it is trained.

    The model keeps its place in memory, so that compiled encoders, probes and evaluation stay with it.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._model, self._optimizer = model, optimizer
        self._name = ""
        self._learned: dict[str, Any] | None = None

    @contextmanager
    def in_place(self, name: str) -> Iterator[None]:
        """Inside, model and optimizer are those of the copy of this name; without a name, their own.

        A name other than the last one begins a copy from the model's present weights, with moments of zero.
        """
        if name != self._name:
            self._name, self._learned = name, None
        if not name:
            yield
            return
        kept = self._taken()
        if self._learned is None:
            scale_moments(self._optimizer, self._model, 0)
        else:
            self._put(self._learned)
        try:
            yield
        finally:
            self._learned = self._taken()
            self._put(kept)

    def state_dict(self) -> dict[str, Any]:
        """The copy that is being trained; no name if there is none."""
        return {"name": self._name, "learned": self._learned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a copy."""
        self._name, self._learned = state["name"], state["learned"]

    def _taken(self) -> dict[str, Any]:
        return copy.deepcopy({"model": self._model.state_dict(), "optimizer": self._optimizer.state_dict()})

    def _put(self, learned: Mapping[str, Any]) -> None:
        self._model.load_state_dict(learned["model"])
        self._optimizer.load_state_dict(learned["optimizer"])
