"""Samples drawn from known densities, as a source of a store."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.generated.densities import Density, bayes_accuracy
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import PARTS, by_stratified_fold
from trainables.multimodal.data.store.feature_store import Arrays, Modality

SPLIT: Final = "drawn"


@dataclass(frozen=True)
class DrawnSamples:
    """Samples of equally frequent classes, divided into the three parts of the split `drawn`.

    Its folds draw the parts anew from all samples.
    """

    densities: Mapping[str, Density]
    """By modality."""
    labels: NDArray[np.int64]
    parts: list[str]
    arrays: Mapping[str, NDArray[np.float32]]
    """Samples [N, *shape] by modality."""

    def bayes(self, *modalities: str, parts: Collection[str]) -> float:
        """Accuracy of Bayes' rule that sees these modalities, on the very samples of some parts."""
        rows = np.flatnonzero(np.isin(self.parts, list(parts)))
        views = (self.arrays[name][rows].reshape(len(rows), -1).astype(np.float64) for name in modalities)
        likelihoods = [
            self.densities[n].log_likelihoods(view) for n, view in zip(modalities, views, strict=True)
        ]
        return bayes_accuracy(likelihoods, self.labels[rows])

    def source(self, name: str, recipe: Mapping[str, Any], note: str) -> Source:
        """The samples as a data set; `recipe` says all that decides them."""
        classes = int(self.labels.max()) + 1
        return Source(
            name=name,
            root=Path(),
            files=[],
            recipe=dict(recipe),
            classes=tuple(f"class {number}" for number in range(classes)),
            modalities={n: Modality(n, array.shape[1:], "float32") for n, array in self.arrays.items()},
            ids=[f"{row:06}" for row in range(len(self.labels))],
            labels=self.labels,
            groups=None,
            splits={SPLIT: self.parts, **by_stratified_fold(SPLIT, self.labels)},
            default_split=SPLIT,
            load=partial(_load, self.arrays),
            note=note,
            in_memory=True,
        )


def draw(
    densities: Mapping[str, Density],
    counts: tuple[int, int, int],
    generator: np.random.Generator,
    shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
) -> DrawnSamples:
    """Draw `counts` samples to train, validate and test with.

    `shapes` holds the shape [C, H, W] of each modality that is no vector.
    """
    parts = [part for part, count in zip(PARTS, counts, strict=True) for _ in range(count)]
    first = next(iter(densities.values()))
    labels = np.concatenate([np.arange(count) % first.classes for count in counts])
    arrays = {}
    for name, density in densities.items():
        vectors = density.draw(labels, generator).astype(np.float32)
        arrays[name] = vectors.reshape(len(labels), *shapes.get(name, (-1,)))
    return DrawnSamples(densities, labels, parts, arrays)


def _load(arrays: Mapping[str, NDArray[np.float32]], row: int) -> Arrays:
    return {name: array[row] for name, array in arrays.items()}
