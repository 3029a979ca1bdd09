"""What a run is told: one frozen dataclass, checked before anything is opened."""

import dataclasses
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.encoders import ENCODERS
from trainables.multimodal.tasks import AUTO, CLASSIFICATION, LOSSES, loss_of


def _is_integer(value: object, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def is_real(value: object) -> bool:
    """Whether a setting is a number."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_increasing(value: object) -> bool:
    return isinstance(value, tuple) and all(_is_integer(v, 1) for v in value) and list(value) == sorted(value)


def _is_names(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and all(isinstance(v, str) and v for v in value)
        and len(set(value)) == len(value)
    )


def _are_encoders(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(v, str) and v in ENCODERS for v in value.values())


def _are_paths(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(v, str) and Path(v).is_absolute() for v in value.values()
    )


def _one_of(*options: object) -> tuple[Callable[[Any], bool], str]:
    return (lambda value: value in options), "one of " + ", ".join(map(str, options))


_COUNT = (lambda value: _is_integer(value, 1)), "an integer >= 1"
_NON_NEGATIVE = (lambda value: is_real(value) and value >= 0), "a number >= 0"
_POSITIVE = (lambda value: is_real(value) and value > 0), "a number > 0"
_FRACTION = (lambda value: is_real(value) and 0 <= value < 1), "a number in [0, 1)"
_FLAG = (lambda value: isinstance(value, bool)), "true or false"
_NAME = (lambda value: isinstance(value, str) and value != ""), "a non-empty string"
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "data": _NAME,
    "epochs": _COUNT,
    "task": _one_of(*LOSSES),
    "modalities": (_is_names, "different names"),
    "split": _NAME,
    "selection": _one_of("validation", "test"),
    "seed": ((lambda value: _is_integer(value, 0)), "an integer >= 0"),
    "batch_size": ((lambda value: _is_integer(value, 2)), "an integer >= 2"),
    "lr": _POSITIVE,
    "momentum": _FRACTION,
    "weight_decay": _NON_NEGATIVE,
    "schedule": _one_of("constant", "step"),
    "milestones": (_is_increasing, "increasing epoch numbers >= 1"),
    "gamma": _POSITIVE,
    "width": _POSITIVE,
    "hidden": _COUNT,
    "frames": _COUNT,
    "augment": _FLAG,
    "encoders": (_are_encoders, f"one of {', '.join(ENCODERS)} by modality"),
    "d_model": _COUNT,
    "layers": _COUNT,
    "attention_heads": _COUNT,
    "initial_weights": (_are_paths, "an absolute path by modality"),
    "probes": _FLAG,
    "diagnose": _one_of("end", "every_epoch"),
    "device": _NAME,
    "precision": _one_of("auto", "fp32", "bf16"),
    "channels_last": _one_of("auto", True, False),
    "compile": _FLAG,
    "threads": ((lambda value: value is None or _is_integer(value, 1)), "an integer >= 1 or none"),
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
    """`classification` predicts the class, `regression` the number that the store keeps of each sample."""
    loss: str = AUTO
    """`l1` or `mse` for regression, `cross_entropy` for classification; `auto` is the first of them."""
    modalities: tuple[str, ...] = ()
    """Modalities of the store that are used, in this order; none named means all."""
    split: str = "default"
    """Split policy of the store; `default` is the one its manifest names."""
    selection: str = "validation"
    """Split that picks the best epoch; `test`, which records a test curve, is the paper's protocol only."""
    seed: int = 0
    """Seed of the initial weights, the shuffles, the frame choice and the global generators."""
    batch_size: int = 64
    """Samples per step."""
    lr: float = 2e-3
    """Learning rate of SGD."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 1e-4
    """L2 penalty of SGD."""
    schedule: str = "constant"
    """`constant`, or `step`: the learning rate is multiplied by `gamma` after each of `milestones`."""
    milestones: tuple[int, ...] = ()
    """Numbers of finished epochs after which a step schedule lowers the learning rate."""
    gamma: float = 0.1
    """Factor of the step schedule."""
    width: float = 1.0
    """Width factor of ResNet-18; 1 is the published size, .25 a quarter of the channels."""
    hidden: int = 256
    """Units of both layers of the encoder for vectors."""
    frames: int = 1
    """Frames taken per clip of those stored."""
    augment: bool = False
    """Crop, stretch and mirror pictures and optical flow at random while training."""
    encoders: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    """Encoder by modality, a name in encoders.ENCODERS; by default `mlp` for vectors and `resnet18` else."""
    d_model: int = 128
    """Units of each step of the transformer, and features that it gives."""
    layers: int = 2
    """Layers of the transformer."""
    attention_heads: int = 4
    """Heads of each layer's attention; they divide `d_model`."""
    initial_weights: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    """Absolute path by modality of a state dict, .safetensors or torch's, that its encoder starts from."""
    probes: bool = True
    """Train a linear head per modality on detached features; training itself is the same without them."""
    diagnose: str = "end"
    """When purity is measured besides every re-learning: at the `end`, or after `every_epoch`."""
    device: str = "auto"
    """`auto` (CUDA if there is one), `cpu`, `cuda` or `cuda:1`."""
    precision: str = "auto"
    """`fp32` or `bf16` autocast; `auto` is bf16 on CUDA and fp32 elsewhere."""
    channels_last: bool | str = "auto"
    """Memory format of convolutions; `auto` decides by device."""
    compile: bool = False
    """Compile the encoders with torch.compile."""
    threads: int | None = None
    """Threads of this process on a CPU; none leaves torch's own choice."""

    def __post_init__(self) -> None:
        for name in ("milestones", "modalities"):
            if isinstance(getattr(self, name), list):  # JSON knows no tuples
                object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, (accepts, wanted) in _RULES.items():
            value = getattr(self, name)
            if not accepts(value):
                raise InputError(f"{name} must be {wanted}, got {value!r}")
        loss_of(self.task, self.loss)
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

    def lr_at(self, epoch: int) -> float:
        """Learning rate of the epoch after `epoch` finished ones: lr * gamma^(milestones passed)."""
        if self.schedule == "constant":
            return self.lr
        passed = sum(milestone <= epoch for milestone in self.milestones)
        return self.lr * float(self.gamma**passed)


WEIGHT = "weight_"
"""`weight_<modality>` is that modality's entry of `fusion_weights`: search spaces hold numbers only."""


def known_settings(balancers: Sequence[Callable[..., object]]) -> list[str]:
    """Every key that flat settings may hold: the trainer's fields and the arguments of the balancers."""
    own = [field.name for field in dataclasses.fields(TrainerConfig)]
    return own + [name for balancer in balancers for name in _arguments(balancer)]


def split_settings(
    settings: Mapping[str, Any], balancers: Sequence[Callable[..., object]]
) -> tuple[TrainerConfig, list[dict[str, Any]]]:
    """Divide flat settings into the trainer's config and the arguments of each of the balancers.

    Raises InputError for a key that nobody knows, or for missing `data` or `epochs`.
    """
    known = known_settings(balancers)
    given = _with_weights(settings, known) if "fusion_weights" in known else dict(settings)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InputError(
            f"unknown setting {', '.join(unknown)}; known settings are {', '.join(sorted(known))}"
        )
    missing = [name for name in ("data", "epochs") if name not in given]
    if missing:
        raise InputError(f"the settings lack {' and '.join(missing)}")
    arguments = [{name: given[name] for name in _arguments(b) if name in given} for b in balancers]
    taken = {name for own in arguments for name in own}
    return TrainerConfig(**{name: value for name, value in given.items() if name not in taken}), arguments


def _arguments(balancer: Callable[..., object]) -> list[str]:
    return list(inspect.signature(balancer).parameters)


def _with_weights(settings: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """The settings with all weight_<modality>, which weight_decay is not, gathered into `fusion_weights`."""
    named = [key for key in settings if key.startswith(WEIGHT) and key not in known]
    weights = {key[len(WEIGHT) :]: settings[key] for key in named}
    rest = {key: value for key, value in settings.items() if key not in named}
    if weights and rest.get("fusion_weights"):
        raise InputError("give either fusion_weights or weight_<modality>, not both")
    return {**rest, "fusion_weights": weights} if weights else rest
