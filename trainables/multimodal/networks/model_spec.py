"""What a model is built from."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelSpec:
    """What a model is built from; written beside exported weights."""

    classes: tuple[str, ...]
    """Names of the outputs; none: the one output is a number."""
    shapes: dict[str, tuple[int, ...]]
    """Shape of one raw sample by modality: [D], [T, D], [C, H, W] or [F, C, H, W]."""
    width: float = 1.0
    hidden: int = 256
    frames: int = 1
    fusion: str = "concatenation"
    """A name in networks.fusion.FUSIONS, or an import path."""
    fusion_weights: dict[str, float] = field(default_factory=dict)
    """Weight of each modality's logits in the fused ones; equal where none are given."""
    encoders: dict[str, str] = field(default_factory=dict)
    """Names in networks.encoders.ENCODERS, or import paths, by modality; the default for its shape else."""
    d_model: int = 128
    layers: int = 2
    attention_heads: int = 4
    multilabel: bool = False
    """Whether a sample may have several of the classes."""
    shown: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Height and width that encoders are shown of pictures in a larger `shape`, by modality."""

    def seen(self, modality: str) -> tuple[int, ...]:
        """Shape of a raw sample in the size that its encoder is shown."""
        shape, size = self.shapes[modality], self.shown.get(modality)
        return (*shape[:-2], *size) if size else shape
