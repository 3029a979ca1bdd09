"""The model: standardised inputs -> one encoder per modality -> fusion; built, exported and loaded here."""

import dataclasses
import json
import warnings
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from trainables.multimodal.compiling import compile_encoders, without_graphs
from trainables.multimodal.data.modality_names import OF_MODULES
from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.encoders import EncoderKind, encoder_kind
from trainables.multimodal.networks.fusion import FUSIONS, Fusion, Output
from trainables.multimodal.networks.missing_modalities import EVERYWHERE, Present, having, spread
from trainables.multimodal.networks.model_spec import ModelSpec
from trainables.multimodal.networks.own_networks import own_encoder, own_fusion, own_paths
from trainables.multimodal.networks.standardise import Standardise
from trainables.multimodal.own_parts import digest, is_own
from trainables.multimodal.whole_files import replaced, write_text

WEIGHTS, SETTINGS = "model.safetensors", "config.json"
OWN_PARTS = "own_parts"
"""Entry of config.json: import path -> digest, where a model has parts of a user's own."""


class MultimodalModel(nn.Module):
    """Any number of named modalities: `model(inputs) -> Output(features, unimodal, fused)`."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        _check_names(spec)
        kinds = {name: _encoder_kind(name, spec) for name in spec.shapes}
        self.inputs = nn.ModuleDict({name: _inputs(kind, name, spec) for name, kind in kinds.items()})
        encoders = {name: kind.build(spec.seen(name), spec) for name, kind in kinds.items()}
        self.encoders = nn.ModuleDict(encoders)
        sizes = {name: encoder.features for name, encoder in encoders.items()}
        build = own_fusion(spec.fusion) if is_own(spec.fusion) else FUSIONS[spec.fusion]
        self.fusion: Fusion = build(sizes, max(1, len(spec.classes)), spec.fusion_weights)
        self.compiled_for: int | None = None
        self.frozen: frozenset[str] = frozenset()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits; none where a number is predicted."""
        return self.spec.classes

    def compile_encoders(self, samples: int) -> None:
        """Let training batches of so many samples run through compiled encoders; a copy has none."""
        compile_encoders(self.encoders.values())
        self.compiled_for = samples

    def freeze(self, names: Iterable[str]) -> None:
        """Keep these encoders as they are, weights and statistics, until others or none are named."""
        frozen = frozenset(names)
        for name in self.frozen ^ frozen:
            self.encoders[name].requires_grad_(name not in frozen)
        self.frozen = frozen

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation; what is frozen stays in evaluation."""
        super().train(mode)
        for name in self.frozen:
            self.encoders[name].eval()
        return self

    def standardisation(self, modality: str) -> Standardise:
        """What stands before the encoder of a modality."""
        inputs = self.inputs[modality]
        assert isinstance(inputs, Standardise)  # noqa: S101  (tells mypy what __init__ made)
        return inputs

    def encode(self, inputs: Mapping[str, Tensor], present: Present = EVERYWHERE) -> dict[str, Tensor]:
        """Features [B, D_m] in float32 of raw inputs [B, *shape_m]; each encoder runs once.

        It sees the samples that have its modality; those of the others are zero.
        """
        return {name: self.encode_one(name, inputs[name], present) for name in self.encoders}

    def encode_one(self, name: str, raw: Tensor, present: Present = EVERYWHERE) -> Tensor:
        """Features [B, D_m] of raw inputs [B, *shape_m] of one modality."""
        encode = self._encode_few if name in present else self._encode
        return spread(present, name, encode(name, having(present, name, raw)))

    def _encode(self, name: str, raw: Tensor) -> Tensor:
        """Graphs are for whole training batches: each other size would be compiled anew, and evaluation gains
        less than the time after which its own would be ready. What is frozen runs without: a graph would
        stay one without gradients.
        """
        as_compiled = self.training and len(raw) == self.compiled_for and name not in self.frozen
        with nullcontext() if as_compiled or not self.compiled_for else without_graphs():
            features: Tensor = self.encoders[name](self.inputs[name](raw)).float()
        return features

    def _encode_few(self, name: str, raw: Tensor) -> Tensor:
        """Features of any number of samples: of one, batch norm uses the statistics that it has gathered."""
        if not len(raw):
            return torch.zeros(0, self.fusion.sizes[name], device=raw.device)
        self.encoders[name].train(self.training and len(raw) > 1 and name not in self.frozen)
        return self._encode(name, raw)

    def forward(self, inputs: Mapping[str, Tensor], present: Present = EVERYWHERE) -> Output:
        """Features and all logits of raw inputs [B, *shape_m]."""
        output: Output = self.fusion(self.encode(inputs, present), present)
        return output

    @torch.inference_mode()
    def predict(
        self, arrays: Mapping[str, np.ndarray], present: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """Class probabilities [N, C], each by itself where a sample may have several classes, or numbers [N]
        where there are none, of raw store arrays [N, *shape_m]; the model must be in eval mode.

        `present` says of each modality that samples lack which of them [N] have it.
        """
        device = next(self.parameters()).device
        inputs = {name: torch.as_tensor(array, device=device) for name, array in arrays.items()}
        masks = {
            name: torch.as_tensor(mask, device=device, dtype=torch.bool)
            for name, mask in (present or {}).items()
        }
        output = self(inputs, masks)
        return np.asarray(self._predicted(output.fused).cpu())

    def _predicted(self, fused: Tensor) -> Tensor:
        if self.spec.multilabel:
            return fused.sigmoid()
        return fused.softmax(dim=1) if self.classes else fused.squeeze(1)


def _encoder_kind(modality: str, spec: ModelSpec) -> EncoderKind:
    shape, chosen = spec.shapes[modality], spec.encoders.get(modality)
    return own_encoder(modality, shape, chosen) if is_own(chosen) else encoder_kind(modality, shape, chosen)


def _inputs(kind: EncoderKind, modality: str, spec: ModelSpec) -> Standardise:
    """What stands before the encoder of a modality."""
    inputs = kind.inputs(spec.shapes[modality], spec.frames)
    inputs.shown = spec.shown.get(modality)
    return inputs


def _check_names(spec: ModelSpec) -> None:
    """Refuse what cannot name both a module and a metric."""
    for name in spec.shapes:
        if not name or "." in name or "/" in name or name in OF_MODULES:
            raise InputError(f"a modality cannot be named {name!r}; rename it in the store")


def export_model(model: MultimodalModel, weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write `weights` of `model` as safetensors and its spec as config.json below `folder`.

    The spec comes last, and that of an older export goes first: without it nothing loads, so that a kill
    leaves the old model, the new one or none. Beside it stand the digests of a user's own parts.
    """
    (folder / SETTINGS).unlink(missing_ok=True)
    with replaced(folder / WEIGHTS) as file:
        file.write(save({name: value.contiguous() for name, value in weights.items()}))
    own = {path: digest(path) for path in own_paths(model.spec)}
    settings = dataclasses.asdict(model.spec) | ({OWN_PARTS: own} if own else {})
    write_text(folder / SETTINGS, json.dumps(settings, indent=2) + "\n")


def load_model(folder: str | Path) -> MultimodalModel:
    """Load an exported model for inference: on the CPU, in eval mode, taking raw store arrays.

    It warns of a user's own part that has changed since the export. Raises InputError where the folder holds
    no exported model or a damaged one, or an own part is not there.
    """
    folder = Path(folder)
    try:
        settings = json.loads((folder / SETTINGS).read_text())
        exported = settings.pop(OWN_PARTS, {})
        model = MultimodalModel(_spec_from(settings))
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, KeyError, TypeError, RuntimeError, ValueError, SafetensorError) as error:
        raise InputError(f"{folder} holds no exported model that can be loaded: {error}") from error
    for path, known in exported.items():
        if digest(path) != known:
            warnings.warn(f"{path} has changed since {folder} was exported with it", stacklevel=2)
    return model.eval()


def _spec_from(settings: dict[str, Any]) -> ModelSpec:
    """Undo JSON, which knows no tuples."""
    sizes = {
        field: {name: tuple(size) for name, size in settings.get(field, {}).items()}
        for field in ("shapes", "shown")
    }
    return ModelSpec(**{**settings, **sizes, "classes": tuple(settings["classes"])})
