"""Encoder features of a few samples, kept beside exported weights for pictures of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from trainables.multimodal.data.splits import strata
from trainables.multimodal.evaluation import Evaluation
from trainables.multimodal.networks.missing_modalities import present_rows
from trainables.multimodal.whole_files import replaced

FILE = "features.npz"
MOST_SAMPLES = 1000
NO_LABEL = "none"


@dataclass(frozen=True)
class FeatureSample:
    """Features [N, D_m] of one modality and what is predicted of the samples [N]."""

    features: np.ndarray
    targets: np.ndarray


def write_features(folder: Path, evaluation: Evaluation, classes: Sequence[str]) -> None:
    """Write features and targets of up to MOST_SAMPLES samples to <folder>/features.npz.

    They are drawn at random, always the same of a split. Each modality has those of them that have it. Of
    several labels the target is a sample's rarest, and NO_LABEL of a sample without any.
    """
    targets, count = evaluation.labels, len(evaluation.labels)
    if targets.ndim == 2:
        classes = (*classes, NO_LABEL)
        targets = torch.from_numpy(strata(targets.cpu().numpy() > 0)).to(targets.device)
    rows = torch.from_numpy(np.sort(np.random.default_rng(0).permutation(count)[:MOST_SAMPLES]))
    rows = rows.to(evaluation.labels.device)
    features, present = (
        {name: values[rows] for name, values in by_modality.items()}
        for by_modality in (evaluation.features, evaluation.present)
    )
    held = present_rows(present, features, targets[rows])
    arrays = {f"{name}/features": values.cpu().numpy() for name, (values, _) in held.items()}
    arrays |= {f"{name}/targets": targets.cpu().numpy() for name, (_, targets) in held.items()}
    with replaced(folder / FILE) as file:
        np.savez_compressed(file, classes=np.array(classes, dtype=np.str_), **arrays)  # type: ignore[arg-type]


def read_features(folder: Path) -> tuple[list[str], dict[str, FeatureSample]]:
    """Names of the classes, none of a regression, and the sample of each modality."""
    with np.load(folder / FILE) as arrays:
        names = [key.removesuffix("/features") for key in arrays if key.endswith("/features")]
        samples = {n: FeatureSample(arrays[f"{n}/features"], arrays[f"{n}/targets"]) for n in names}
        return arrays["classes"].tolist(), samples
