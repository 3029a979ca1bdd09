"""Encoder features in two dimensions, by t-SNE: those of the sample that lies beside published weights.

python -m study.analysis.embedding FOLDER ...: write <FOLDER>/embedding.npz of the features.npz there.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from trainables.multimodal import feature_sample
from trainables.multimodal.feature_sample import FeatureSample, read_features
from trainables.multimodal.whole_files import replaced

FILE: Final = "embedding.npz"
FEWEST: Final = 10
"""Different samples below which there is nothing to arrange."""
PERPLEXITY: Final = 30.0
"""Neighbours that count for each sample (van der Maaten and Hinton 2008); a third of the samples at most."""


@dataclass(frozen=True)
class Embedding:
    """Places [N, 2] of each modality's samples, what is predicted of them [N], and names of the classes."""

    classes: list[str]
    places: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]


def published(best: Path) -> list[str]:
    """Methods of which features lie below best/<method>."""
    return sorted(path.parent.name for path in best.glob(f"*/{feature_sample.FILE}"))


def embeddings(best: Path, methods: Iterable[str]) -> dict[str, Embedding]:
    """Method -> embedding of the features below best/<method>.

    What is missing is computed first, seconds for each modality, in a process of its own: its libraries start
    threads, and their memory is not kept. Raises CalledProcessError where that fails.
    """
    folders = [best / method for method in methods]
    missing = [folder for folder in folders if not (folder / FILE).exists()]
    if missing:
        found_here = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-m", __name__, *map(str, missing)]
        subprocess.run(command, check=True, env=found_here)  # noqa: S603  (this program itself)
    return {folder.name: _read(folder) for folder in folders}


def write_embedding(folder: Path) -> None:
    """Arrange every modality of a folder's sample that has enough different features."""
    _, samples = read_features(folder)
    places = {name: arranged(sample.features) for name, sample in samples.items() if _is_varied(sample)}
    with replaced(folder / FILE) as file:
        np.savez_compressed(file, **places)  # type: ignore[arg-type]


def arranged(features: np.ndarray) -> np.ndarray:
    """Places [N, 2] of features [N, D], always the same."""
    from sklearn.manifold import TSNE  # takes a second, and a report that has its embeddings needs none of it

    near = min(PERPLEXITY, (len(features) - 1) / 3)
    places: np.ndarray = TSNE(perplexity=near, init="pca", random_state=0).fit_transform(features)
    return places


def _is_varied(sample: FeatureSample) -> bool:
    """Whether there is something to arrange: dead encoders give every sample the same features."""
    return sample.features.shape[1] > 1 and len(np.unique(sample.features, axis=0)) >= FEWEST


def _read(folder: Path) -> Embedding:
    classes, samples = read_features(folder)
    with np.load(folder / FILE) as arrays:
        places = {name: arrays[name] for name in samples if name in arrays}
    return Embedding(classes, places, {name: samples[name].targets for name in places})


def main(folders: Sequence[str]) -> None:
    """Arrange the samples of these folders."""
    for folder in folders:
        write_embedding(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
