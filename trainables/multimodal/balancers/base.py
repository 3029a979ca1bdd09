"""The seam between trainer and method: a balancer overrides the hooks it needs and nothing else.

```
build model
on_built(model)                                     <- refuse what does not fit the model
build optimizer
on_fit_start(run)                                   <- keep what the method needs of the beginning
for epoch:
    phase(run)                                      <- what it trains: the model or a copy, on which samples
    for batch:
        step(run, batch)                            <- replaces the joint step below; one owner per run
            output = run.forward(batch)
            loss, backward
            after_backward(run, batch, output)      <- change gradients (of the joint step)
            optimizer.step()                        (clip_norm cuts gradients here, in any step)
    on_epoch_trained(run)                           <- look at what was trained, be it a copy
    evaluate, judge the weights, keep the best
    on_epoch_end(run)                               <- change weights, grow, collect
```

`run` is the trainer; `Run` lists all that a balancer may ask of it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.multimodal.clustering import RESTARTS
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.diagnostics import Purity
from trainables.multimodal.evaluation import Evaluation
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.networks.fusion import CONCATENATION, Output
from trainables.multimodal.runtime import Runtime
from trainables.multimodal.tasks import Task


@dataclass(frozen=True)
class Phase:
    """What one epoch trains; by default the model, on the whole training split."""

    copy: str = ""
    """Name of a copy that is trained in the model's place; none if it is the model itself.

    A copy begins with the model's weights and no momentum in the first epoch that names it, and is gone after
    the last. The model is evaluated and judged after every epoch, a copy never is.
    """
    left_out: NDArray[np.bool_] | None = None
    """Which samples [N] of the training split are not trained on; none means that all are."""
    schedule_epoch: int | None = None
    """Number of finished epochs that the learning rate is that of; none means those of the run."""


class Run(Protocol):
    """What a balancer may ask of the run that it acts in."""

    @property
    def config(self) -> TrainerConfig:
        """What the run was told, the seed among it."""

    @property
    def epoch(self) -> int:
        """Number of finished epochs; during a step this is the epoch's index, counted from 0."""

    @property
    def steps(self) -> int:
        """Batches of an epoch."""

    @property
    def done(self) -> bool:
        """Whether this was the last epoch."""

    @property
    def runtime(self) -> Runtime:
        """The device, and the precision of the encoders."""

    @property
    def task(self) -> Task:
        """What is predicted: the loss and the accuracy of outputs."""

    @property
    def model(self) -> MultimodalModel:
        """Encoders by modality, and the fusion."""

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimizer of all trained parameters."""

    def joint_step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Train on the task's loss of the fused outputs; `after_backward` acts; metrics of the step."""

    def forward(self, batch: Batch) -> Output:
        """Features and all logits of a batch; each encoder runs once."""

    def encode(self, batch: Batch) -> dict[str, Tensor]:
        """Features [B, D_m] of each modality for heads, after dropout, in fp32; call it once in a step."""

    def update(self, loss: Tensor) -> None:
        """Backward and one step of the optimizer; what the loss does not reach stays where it is."""

    def evaluate(self, split: str) -> Evaluation:
        """Features and fused outputs of a whole split in eval mode; one pass while the weights stand."""

    def features(self, split: str) -> dict[str, Tensor]:
        """Features [N, D_m] of a whole split, without gradients."""

    def held_out(self) -> NDArray[np.bool_]:
        """Which samples [N] of the training split, in its order, a method may keep from training.

        A tenth, in whole groups where the data have groups; never any of validation. InputError where that
        leaves a class or a modality without samples.
        """

    def diagnose(self) -> Mapping[str, Purity]:
        """Purity of each modality's features on training and validation split, of the judged weights."""

    def add_module(self, place: nn.ModuleList, module: nn.Module) -> None:
        """Grow the model; parameters that require a gradient are trained at the current learning rate."""


class Balancer:
    """A method of balancing modalities; by itself it does nothing, which is joint training."""

    fusion: str = CONCATENATION
    """How features become logits, by a name in networks.fusion.FUSIONS or `package.module:Name`."""
    fusion_weights: Mapping[str, float] = MappingProxyType({})
    """Weight of each modality in the fused logits, where the fusion has weights; equal if empty."""
    model_waits: ClassVar[bool] = False
    """Whether the model is not trained before `first_action`, because copies of it are."""
    needs_classes: ClassVar[bool] = False
    """Whether the method is about classes, so that it can train nothing but a classification."""
    fewest_modalities: int = 1
    """How many modalities the method needs."""
    most_modalities: float = math.inf
    """How many it can have."""
    own_names: ClassVar[frozenset[str]] = frozenset()
    """What it calls parts of its own, so that no modality can be called so."""
    n_init: int = RESTARTS
    """Restarts of k-means in all that is said of purity in the run."""
    keeps_joint_step: ClassVar[bool] = False
    """Whether a `step` of its own always trains by `run.joint_step`, so that others' `after_backward` act."""
    EARLY: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Settings with which the method acts in the first epochs of a run, for the contract test."""

    def first_action(self) -> int:
        """The epoch, counted from 1, in or after which a method that waits first acts; 0 if none does."""
        return 0

    def on_configured(self, config: TrainerConfig) -> None:
        """The run's settings are known, no data is opened; raise InputError where they do not fit."""

    def on_built(self, model: MultimodalModel) -> None:
        """The model has its initial weights and lies on the CPU; raise InputError where it does not fit.

        Studies ask it before their first trial, of a model that is thrown away, where something is set by
        hand or a user's own.
        """

    def on_fit_start(self, run: Run) -> None:
        """Model and optimizer are built, nothing is trained yet."""

    def phase(self, run: Run) -> Phase:
        """What the coming epoch trains, a function of `run.epoch`; it is asked of whose step trains."""
        return Phase()

    def step(self, run: Run, batch: Batch) -> Mapping[str, Tensor]:
        """Train on one batch; give scalar metrics, among them `loss` and `accuracy`."""
        return run.joint_step(batch)

    def after_backward(self, run: Run, batch: Batch, output: Output) -> Mapping[str, Tensor]:
        """The gradients of the joint step are there, the optimizer has not stepped; give scalar metrics.

        Beside a balancer whose `step` replaces the joint step it would never be called: InputError.
        """
        return {}

    def on_epoch_trained(self, run: Run) -> Mapping[str, float]:
        """The epoch's last step is done and `run.model` is what it trained, be it a copy; give metrics.

        `run.epoch` is still the epoch's index. Nothing is evaluated yet, and weights may be looked at only.
        """
        return {}

    def on_epoch_end(self, run: Run) -> Mapping[str, float]:
        """The epoch's weights are evaluated and judged; give metrics to report with the epoch."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What the method learned, as plain data and tensors."""
        return {}

    def load_state_dict(self, run: Run, state: dict[str, Any]) -> None:
        """Undo `state_dict`; called before the model's state is loaded, so that modules can be regrown."""

    def constants(self) -> dict[str, Any]:
        """What the method keeps of the beginning and never changes; stored once per run."""
        return {}

    def load_constants(self, run: Run, constants: dict[str, Any]) -> None:
        """Undo `constants`."""
