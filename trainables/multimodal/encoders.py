"""Encoders: a raw, standardised modality in, one feature vector per sample out."""

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels at width 1 and stride of ResNet's four stages


class ResNet18(nn.Module):
    """ResNet-18 without its classifier; parameters are named as in torchvision.

    Takes images [B, C, H, W] or frames [B, F, C, H, W], which are folded into the batch and averaged over
    time; gives features [B, 512 * width]. At width 1 it loads torchvision's weights (less `fc`).
    """

    def __init__(self, channels: int, width: float = 1.0) -> None:
        super().__init__()
        widths = [max(1, round(stage * width)) for stage, _ in STAGES]
        self.features = widths[-1]
        self.conv1 = nn.Conv2d(channels, widths[0], kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        entries = [widths[0], *widths[:-1]]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(entry, out, stride)
            for entry, out, (_, stride) in zip(entries, widths, STAGES, strict=True)
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


class MLP(nn.Module):
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


def _stage(entry: int, out: int, stride: int) -> nn.Sequential:
    """Two basic blocks; the first changes resolution and channels, with a projected shortcut if it must."""
    shortcut = None
    if stride != 1 or entry != out:
        shortcut = nn.Sequential(nn.Conv2d(entry, out, 1, stride, bias=False), nn.BatchNorm2d(out))
    return nn.Sequential(BasicBlock(entry, out, stride, shortcut), BasicBlock(out, out))


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    """Kaiming fan-out for convolutions, N(1, .02) for normalisation weights, as the paper's release does."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, mean=1.0, std=0.02)
        nn.init.zeros_(module.bias)
