"""The seam between trainer and method: a balancer overrides the hooks it needs and nothing else.

```
build model and optimizer
on_fit_start(trainer)                               <- keep what the method needs of the beginning
for epoch:
    for batch:
        step(trainer, batch)                        <- replaces the joint step below; one owner per run
            output = trainer.forward(batch)
            loss, backward
            after_backward(trainer, batch, output)  <- change gradients (of the joint step)
            optimizer.step()
    evaluate, judge the weights, keep the best
    on_epoch_end(trainer)                           <- change weights, grow, collect
```
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

if TYPE_CHECKING:
    from trainables.multimodal.data.loading.batches import Batch
    from trainables.multimodal.networks.fusion import Output
    from trainables.multimodal.trainer import Trainer


class Balancer:
    """A method of balancing modalities; by itself it does nothing, which is joint training."""

    fusion: str = "concatenation"
    """How features become logits, by a name in fusion.FUSIONS."""
    fusion_weights: Mapping[str, float] = MappingProxyType({})
    """Weight of each modality in the fused logits, where the fusion has weights; equal if empty."""
    needs_classes: ClassVar[bool] = False
    """Whether the method is about classes, so that it can train nothing but a classification."""
    fewest_modalities: ClassVar[int] = 1
    """How many modalities the method needs."""

    def first_action(self) -> int:
        """The epoch, counted from 1, in or after which a method that waits first acts; 0 if none does."""
        return 0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Model and optimizer are built, nothing is trained yet."""

    def step(self, trainer: Trainer, batch: Batch) -> Mapping[str, Tensor]:
        """Train on one batch; give scalar metrics, among them `loss` and `accuracy`."""
        return trainer.joint_step(batch)

    def after_backward(self, trainer: Trainer, batch: Batch, output: Output) -> Mapping[str, Tensor]:
        """The gradients of the joint step are there, the optimizer has not stepped; give scalar metrics."""
        return {}

    def on_epoch_end(self, trainer: Trainer) -> Mapping[str, float]:
        """The epoch's weights are evaluated and judged; give metrics to report with the epoch."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What the method learned, as plain data and tensors."""
        return {}

    def load_state_dict(self, trainer: Trainer, state: dict[str, Any]) -> None:
        """Undo `state_dict`; called before the model's state is loaded, so that modules can be regrown."""

    def constants(self) -> dict[str, Any]:
        """What the method keeps of the beginning and never changes; stored once per run."""
        return {}

    def load_constants(self, trainer: Trainer, constants: dict[str, Any]) -> None:
        """Undo `constants`."""
