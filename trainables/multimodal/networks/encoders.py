"""Encoders: a raw, standardised modality in, one feature vector per sample out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.model_spec import ModelSpec
from trainables.multimodal.networks.standardise import Standardise, StandardiseSteps

RESNET_STAGES = (
    (64, 1),
    (128, 2),
    (256, 2),
    (512, 2),
)  # channels at width 1 and stride of each stage


class Encoder(nn.Module):
    """What all encoders share, and what one of a user's own must keep to, subclass or not.

    `Name(shape, spec)`, a class or a function, gives the module. `shape` is that of one sample as the encoder
    gets it, [D], [T, D], [C, H, W] or [F, C, H, W]; `spec` holds sizes from the settings, such as `d_model`.

    - It takes samples [N, *shape] float32, N >= 1, and gives [N, features]; `features` is its attribute.
    - Samples are standardised; `inputs = AsStored` in the class leaves them as they are, such as token ids.
    - A step of a sequence that is all zero is padding. A sample that lacks the modality never arrives.
    - Weights and dropout are drawn from torch's global generators. In eval mode nothing is random.
    - Files that it reads stand in an attribute `files` of the class, so that a change of theirs is noticed.
    """

    features: int


class ResNet(Encoder):
    """ResNet-18 (two basic blocks a stage) or ResNet-10 (one) without its classifier.

    Takes images [B, C, H, W] or frames [B, F, C, H, W], which are folded into the batch and averaged over
    time; gives features [B, 512 * width]. Parameters are named as in torchvision, whose weights (less `fc`)
    ResNet-18 loads at width 1.
    """

    def __init__(self, channels: int, width: float = 1.0, blocks: int = 2) -> None:
        super().__init__()
        widths = [max(1, round(stage * width)) for stage, _ in RESNET_STAGES]
        self.features = widths[-1]
        self.conv1 = nn.Conv2d(channels, widths[0], kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        entries = [widths[0], *widths[:-1]]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(entry, out, stride, blocks)
            for entry, out, (_, stride) in zip(entries, widths, RESNET_STAGES, strict=True)
        )
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Give features [B, D] of images [B, C, H, W] or frames [B, F, C, H, W]."""
        clips = images.shape[0]
        folded = images.flatten(0, -4)  # one clip of F frames is F images
        maps = self.maxpool(self.relu(self.bn1(self.conv1(folded))))
        maps = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        features: Tensor = maps.mean(dim=(2, 3)).unflatten(0, (clips, -1)).mean(dim=1)
        return features


class MLP(Encoder):
    """Two hidden layers for vectors: [B, D] in, features [B, hidden] out."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.features = hidden
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """Give features [B, hidden] of vectors [B, D]."""
        features: Tensor = self.layers(vectors)
        return features


class Transformer(Encoder):
    """Pre-norm transformer for sequences: [B, T, D] in, features [B, d_model] out.

    Linear(D, d_model) plus sinusoidal positions, `layers` blocks of attention and a feed-forward layer of
    4 d_model units, without dropout; the features are the mean over time. A step whose features are all zero
    is padding and influences nothing; a sample of nothing else has features of zero. Positions are not
    learned: they need no weights, so that any length fits one state and re-learning resets the content alone.
    """

    def __init__(self, inputs: int, d_model: int, layers: int, heads: int) -> None:
        super().__init__()
        self.features = d_model
        self.project = nn.Linear(inputs, d_model)
        self.layers = nn.ModuleList(_block(d_model, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(d_model)

    def forward(self, steps: Tensor) -> Tensor:
        """Give features [B, d_model] of sequences [B, T, D]."""
        real = steps.any(dim=2)
        ignored = ~real & real.any(dim=1, keepdim=True)  # attention that ignores every step would be NaN
        hidden = self.project(steps) + positions(steps.shape[1], self.features, steps.device)
        with sdpa_kernel(SDPBackend.MATH):  # gradients of the fused kernels differ from run to run on CUDA
            for layer in self.layers:
                hidden = layer(hidden, src_key_padding_mask=ignored)
        shares = real / real.sum(dim=1, keepdim=True).clamp(min=1)
        features: Tensor = (self.norm(hidden).float() * shares.unsqueeze(2)).sum(dim=1)
        return features


def positions(length: int, size: int, device: torch.device) -> Tensor:
    """Sinusoids [T, size] of the steps t = 0, 1, ...: sin(w_i t) for i < n = ceil(size / 2), then cos(w_i t).

    The frequencies w_i = 10000^(-i / n) run from 1 to almost 1 / 10000, per step.
    """
    count = -(-size // 2)
    frequencies = 10000.0 ** (-torch.arange(count, device=device) / count)
    angles = torch.arange(length, device=device).unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :size]


Shape = tuple[int, ...]


@dataclass(frozen=True)
class EncoderKind:
    """What a kind of encoder takes, in words and in numbers of axes, and how it and its input are built."""

    takes: str
    axes: tuple[int, ...]
    build: Callable[[Shape, ModelSpec], Encoder]
    inputs: type[Standardise] = Standardise


def _channels(shape: Shape) -> int:
    """Of a map: a sequence is a picture of one."""
    return 1 if len(shape) == 2 else shape[-3]


_MAPS: Final = "sequences [T, D], images [C, H, W] or frames [F, C, H, W]"

ENCODERS: Final[Mapping[str, EncoderKind]] = {
    "mlp": EncoderKind("vectors [D]", (1,), lambda shape, spec: MLP(shape[0], spec.hidden)),
    "resnet18": EncoderKind(_MAPS, (2, 3, 4), lambda shape, spec: ResNet(_channels(shape), spec.width)),
    "resnet10": EncoderKind(
        _MAPS, (2, 3, 4), lambda shape, spec: ResNet(_channels(shape), spec.width, blocks=1)
    ),
    "transformer": EncoderKind(
        "sequences [T, D]",
        (2,),
        lambda shape, spec: Transformer(shape[1], spec.d_model, spec.layers, spec.attention_heads),
        StandardiseSteps,
    ),
}
"""Encoders by the name that settings and exported models carry; the first to take a shape is its default."""


def encoder_kind(modality: str, shape: Shape, chosen: str | None) -> EncoderKind:
    """The chosen kind of encoder, else the default for samples of `shape`; InputError if none takes them."""
    fitting = {name: kind for name, kind in ENCODERS.items() if len(shape) in kind.axes}
    if not fitting:
        raise InputError(
            f"modality {modality} has samples of shape {list(shape)}; an encoder takes 1 to 4 axes"
        )
    if chosen is None:
        return next(iter(fitting.values()))
    if chosen not in fitting:
        takes = ENCODERS[chosen].takes
        raise InputError(
            f"{chosen} takes {takes}, and modality {modality} has samples of shape {list(shape)}"
        )
    return fitting[chosen]


def _block(size: int, heads: int) -> nn.TransformerEncoderLayer:
    """Attention and feed-forward layer, each normalised before and added to what goes in."""
    return nn.TransformerEncoderLayer(size, heads, 4 * size, dropout=0.0, batch_first=True, norm_first=True)


def _stage(entry: int, out: int, stride: int, blocks: int) -> nn.Sequential:
    """Basic blocks; the first changes resolution and channels, with a projected shortcut if it must."""
    from torchvision.models.resnet import BasicBlock  # takes seconds, and data of vectors need none

    shortcut = None
    if stride != 1 or entry != out:
        shortcut = nn.Sequential(nn.Conv2d(entry, out, 1, stride, bias=False), nn.BatchNorm2d(out))
    more = [BasicBlock(out, out) for _ in range(blocks - 1)]
    return nn.Sequential(BasicBlock(entry, out, stride, shortcut), *more)


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    """Kaiming fan-out for convolutions, N(1, .02) for normalisation weights, as the paper's release does."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, mean=1.0, std=0.02)
        nn.init.zeros_(module.bias)
