"""What a run is told: one frozen dataclass, checked before anything is opened."""

import dataclasses
import math
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from trainables.multimodal.class_loss import BALANCED, EQUAL
from trainables.multimodal.data.loading.batches import FRAME_CHOICES
from trainables.multimodal.data.splits import TRAIN, TRAINED_ON
from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.encoders import ENCODERS
from trainables.multimodal.networks.fusion import CONCATENATION, FUSIONS
from trainables.multimodal.networks.initial_values import INITS
from trainables.multimodal.optimizers import OPTIMIZERS, SGD
from trainables.multimodal.own_parts import FORM, is_own
from trainables.multimodal.schedules import cosine, step, warm_up
from trainables.multimodal.setting_checks import (
    FLAG,
    FRACTION,
    NAME,
    NON_NEGATIVE,
    POSITIVE,
    Rule,
    are_names,
    are_paths,
    integer,
    is_increasing,
    is_integer,
    is_real,
    one_of,
    require,
)
from trainables.multimodal.tasks import AUTO, CLASSIFICATION, LOSSES, loss_of, objective_of

DIAGNOSED: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "end": lambda epoch, epochs: epoch == epochs,
    "tenths": lambda epoch, epochs: 10 * epoch // epochs > 10 * (epoch - 1) // epochs,
    "every_epoch": lambda epoch, epochs: True,
}
"""Whether an epoch, counted from 1, of so many is diagnosed after it: by the setting `diagnose`."""

SCHEDULES: Final[Mapping[str, Callable[["TrainerConfig", int], float]]] = {
    "constant": lambda config, epoch: 1.0,
    "step": lambda config, epoch: step(epoch, config.milestones, config.gamma),
    "cosine": lambda config, epoch: cosine(epoch, config.warmup_epochs, config.epochs),
}
"""Factor of the learning rate after so many finished epochs, by the name that settings carry."""

TIES: Final[Mapping[str, Callable[[float, float], bool]]] = {"first": operator.gt, "last": operator.ge}
"""Whether an epoch with a score takes the place of the best one so far, which has another."""
CROPS: Final = ("clip", "frame")
"""What a random crop is drawn for anew."""


def _are_encoders(value: object) -> bool:
    return isinstance(value, Mapping) and all(_names_part(v, ENCODERS) for v in value.values())


def _names_part(value: object, parts: Collection[str]) -> bool:
    return isinstance(value, str) and (value in parts or is_own(value))


def _are_class_weights(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(k, str) and is_real(v) and 0 < v < math.inf for k, v in value.items())
    return value in (EQUAL, BALANCED)


_RULES: Final[Mapping[str, Rule]] = {
    "data": NAME,
    "epochs": integer(1),
    "task": one_of(*LOSSES),
    "label_smoothing": FRACTION,
    "class_weights": (_are_class_weights, "equal, balanced, or a number > 0 by class"),
    "modalities": (are_names, "different names"),
    "split": NAME,
    "train_on": one_of(*TRAINED_ON),
    "selection": one_of("validation", "test"),
    "ties": one_of(*TIES),
    "seed": integer(0),
    "batch_size": integer(2),
    "optimizer": one_of(*OPTIMIZERS),
    "lr": POSITIVE,
    "momentum": FRACTION,
    "weight_decay": NON_NEGATIVE,
    "schedule": one_of(*SCHEDULES),
    "warmup_epochs": integer(0),
    "milestones": (is_increasing, "increasing epoch numbers >= 1"),
    "gamma": POSITIVE,
    "clip_norm": ((lambda value: value is None or (is_real(value) and value > 0)), "a number > 0 or none"),
    "width": POSITIVE,
    "hidden": integer(1),
    "frames": integer(1),
    "frame_choice": one_of(*FRAME_CHOICES),
    "augment": FLAG,
    "crop": one_of(*CROPS),
    "encoders": (_are_encoders, f"one of {', '.join(ENCODERS)}, or {FORM}, by modality"),
    "fusion": ((lambda value: _names_part(value, FUSIONS)), f"one of {', '.join(FUSIONS)}, or {FORM}"),
    "d_model": integer(1),
    "layers": integer(1),
    "attention_heads": integer(1),
    "init": one_of(*INITS),
    "initial_weights": (are_paths, "an absolute path by modality"),
    "dropout": FRACTION,
    "encoder_lr": POSITIVE,
    "freeze_epochs": integer(0),
    "probes": FLAG,
    "diagnose": one_of(*DIAGNOSED),
    "device": NAME,
    "precision": one_of("auto", "fp32", "bf16"),
    "channels_last": one_of("auto", True, False),
    "compile": one_of("auto", True, False),
    "threads": ((lambda value: value is None or is_integer(value, 1)), "an integer >= 1 or none"),
}


@dataclass(frozen=True)
class TrainerConfig:
    """Everything the trainer can be told; a balancer's own settings are its constructor's arguments.

    Raises InputError with one sentence for a value that makes no sense.
    """

    data: str
    """Folder of a prepared feature store (the one that holds manifest.json)."""
    epochs: int
    """Passes over the training split."""
    task: str = CLASSIFICATION
    """`classification` predicts the class, `multilabel` which of several labels a sample has, `regression`
    the number that the store keeps of it.
    """
    loss: str = AUTO
    """`l1` or `mse` for regression, `cross_entropy` for classification, `binary_cross_entropy` for labels;
    `auto` is the first of them.
    """
    objective: str = AUTO
    """Score that picks the best epoch: `accuracy`, `macro_f1` or `loss`, for regression `mae` or `accuracy`,
    for multilabel `mean_average_precision`, `macro_f1` or `loss`; `auto` is the first of them. The loss is
    the plain one of the fused outputs.
    """
    label_smoothing: float = 0.0
    """Share of the target that training spreads evenly over all classes; validation loss is without it."""
    class_weights: Mapping[str, float] | str = dataclasses.field(default=EQUAL, hash=False)
    """`equal`, `balanced` by the training split, or a number by class, 1 of those that it does not name.

    Validation loss is without them.
    """
    modalities: tuple[str, ...] = ()
    """Modalities of the store that are used, in this order; none named means all."""
    split: str = "default"
    """Split policy of the store; `default` is the one its manifest names."""
    train_on: str = TRAIN
    """`train`, or `train+validation`: nothing is held out, and test stands in for validation, as in releases
    without one; for selection `test` alone.
    """
    selection: str = "validation"
    """Split that picks the best epoch; `test`, which records a test curve, is the paper's protocol only."""
    ties: str = "first"
    """Which of several epochs with the best score counts, the `first` or the `last`."""
    seed: int = 0
    """Seed of the initial weights, the shuffles, the frame choice and the global generators."""
    batch_size: int = 64
    """Samples per step."""
    lr: float = 2e-3
    """Learning rate."""
    optimizer: str = SGD
    """`sgd`, `adam` or `adamw`, fused."""
    momentum: float = 0.9
    """Momentum of SGD; of Adam and AdamW beta_1, the memory of the first moment (beta_2 is .999)."""
    weight_decay: float = 1e-4
    """L2 penalty of SGD and Adam; of AdamW the decay lr * weight_decay of every weight in a step."""
    schedule: str = "constant"
    """`constant`; `step`: the learning rate is multiplied by `gamma` after each of `milestones`; `cosine`:
    it falls along half a cosine, towards 0 at the end of the run.
    """
    warmup_epochs: int = 0
    """Epochs before, in which the learning rate rises to its full value; under every schedule."""
    milestones: tuple[int, ...] = ()
    """Numbers of finished epochs after which a step schedule lowers the learning rate."""
    gamma: float = 0.1
    """Factor of the step schedule."""
    clip_norm: float | None = None
    """Longest gradient, the L2 norm of those of all parameters together, that a step follows; none: any."""
    width: float = 1.0
    """Width factor of a ResNet; 1 is the published size, .25 a quarter of the channels."""
    hidden: int = 256
    """Units of both layers of the encoder for vectors."""
    frames: int = 1
    """Frames taken per clip of those stored, one of each of as many stretches."""
    frame_choice: str = "random"
    """Frame of a stretch that training takes: a `random` one, the `middle` or the `first`. Evaluation takes
    the middle, after training on the `first` that one.
    """
    augment: bool = False
    """Crop, stretch and mirror pictures and optical flow at random while training."""
    crop: str = "clip"
    """Whether all frames of a `clip` are seen through one random crop, or each `frame` through its own."""
    encoders: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    """Encoder by modality: of networks.encoders.ENCODERS, or one of your own by `package.module:Name`.

    By default it is `mlp` for vectors, else `resnet18`.
    """
    fusion: str = CONCATENATION
    """How features become logits, where the method does not say: of networks.fusion.FUSIONS, or your own."""
    d_model: int = 128
    """Units of each step of the transformer, and features that it gives."""
    layers: int = 2
    """Layers of the transformer."""
    attention_heads: int = 4
    """Heads of each layer's attention; they divide `d_model`."""
    init: str = "dnr"
    """Initial values as in the release of D&R, `dnr`, or of OGM-GE and AUG, `ogm`: every linear layer
    Xavier-normal with zero bias, and batch norm with weight 1.
    """
    initial_weights: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    """Absolute path by modality of a state dict, .safetensors or torch's, that its encoder starts from."""
    dropout: float = 0.0
    """Share of each modality's features that heads are not given, drawn anew for every sample and step."""
    encoder_lr: float = 1.0
    """Factor of the encoders' learning rate; heads have the whole one."""
    freeze_epochs: int = 0
    """First epochs in which encoders with `initial_weights` stand still, their statistics too."""
    probes: bool = True
    """Train a linear head per modality on detached features; training itself is the same without them."""
    diagnose: str = "end"
    """When purity is measured besides every re-learning: at the `end`, after `tenths`, or `every_epoch`.

    Contributions of modalities are measured at the end, or else after every epoch.
    """
    device: str = "auto"
    """`auto` (CUDA if there is one), `cpu`, `cuda` or `cuda:1`."""
    precision: str = "auto"
    """`fp32` or `bf16` autocast; `auto` is bf16 on CUDA and fp32 elsewhere."""
    channels_last: bool | str = "auto"
    """Memory format of convolutions; `auto` decides by device."""
    compile: bool | str = "auto"
    """Compile the encoders with torch.compile; `auto` does so on CUDA where a run is long enough to gain."""
    threads: int | None = None
    """Threads of this process on a CPU; none leaves torch's own choice."""

    def __post_init__(self) -> None:
        for name in ("milestones", "modalities"):
            if isinstance(getattr(self, name), list):  # JSON knows no tuples
                object.__setattr__(self, name, tuple(getattr(self, name)))
        require(_RULES, vars(self))
        loss_of(self.task, self.loss)
        objective_of(self.task, self.objective)
        if self.task != CLASSIFICATION and self.weighs_classes:
            raise InputError(
                "label_smoothing and class_weights are about classes: leave them out where task is "
                f"{self.task}"
            )
        if self.warmup_epochs >= self.epochs:
            raise InputError(
                f"warmup_epochs must be below the {self.epochs} epochs of the run, got {self.warmup_epochs}"
            )
        if self.schedule == "step" and not self.milestones:
            raise InputError("schedule step needs milestones: epochs after which the learning rate falls")
        if self.train_on != TRAIN and self.selection != "test":
            raise InputError(f"train_on {self.train_on} leaves no validation: it is for selection test alone")
        if self.freeze_epochs and not self.initial_weights:
            raise InputError("freeze_epochs is about encoders with initial_weights, and none are given")
        if self.d_model % self.attention_heads:
            raise InputError(
                f"attention_heads must divide d_model, got {self.attention_heads} and {self.d_model}"
            )

    def require_modalities(self, stored: Collection[str]) -> None:
        """Raise InputError where a setting by modality names one that the store lacks."""
        for setting in ("encoders", "initial_weights"):
            unknown = [name for name in getattr(self, setting) if name not in stored]
            if unknown:
                raise InputError(
                    f"{setting} names {', '.join(unknown)}, which the store lacks; it has {', '.join(stored)}"
                )

    @property
    def weighs_classes(self) -> bool:
        """Whether training has another loss than the plain one of classes."""
        return self.label_smoothing > 0 or self.class_weights != EQUAL

    def lr_at(self, epoch: int) -> float:
        """Learning rate of the epoch after `epoch` finished ones: lr * warm-up * schedule."""
        factor = SCHEDULES[self.schedule](self, epoch)
        return self.lr * warm_up(epoch, self.warmup_epochs) * factor
