"""A run on a toy network, whose numbers the reference values of published methods are of."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from trainables.multimodal.metrics import accuracy

SIZES = {"audio": 4, "visual": 4}
"""Features of each modality; there are three classes."""


class ToyRun:
    """Encoders tanh(W x) and a fusion of their features; all numbers are normal, from one generator."""

    epoch = 0

    def __init__(self, seed, fusion):
        self.draw = np.random.default_rng(seed)
        encoders = {"audio": nn.Linear(5, 4, bias=False), "visual": nn.Linear(7, 4, bias=False)}
        self.model = SimpleNamespace(encoders=encoders, fusion=fusion(SIZES, 3))
        self.encoder_weights = [encoder.weight for encoder in encoders.values()]
        self.task = SimpleNamespace(loss=functional.cross_entropy, accuracy=accuracy)

    def fill(self, parameters, scale=1.0):
        """Draw parameters, in this order."""
        for parameter in parameters:
            parameter.data = scale * self.normal(*parameter.shape)

    def normal(self, *shape):
        return torch.from_numpy(self.draw.normal(size=shape)).float()

    def next_batch(self):
        """16 samples that have both modalities."""
        inputs = {"audio": self.normal(16, 5), "visual": self.normal(16, 7)}
        labels = torch.from_numpy(self.draw.integers(0, 3, 16))
        return SimpleNamespace(inputs=inputs, labels=labels, present={})

    def encode(self, batch):
        encoders = self.model.encoders
        return {name: torch.tanh(encoder(batch.inputs[name])) for name, encoder in encoders.items()}

    def forward(self, batch):
        return self.model.fusion(self.encode(batch))
