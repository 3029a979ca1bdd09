"""Generated imbalance: a modality that is learnt at once, and a better one that is learnt late.

`strong` tells the class by the corner of a simplex around which it lies. A few epochs teach a network that.
`weak` tells it nearly always, but as products of signs, which take a network many epochs. Trained together,
`strong` may leave no loss to learn `weak` from, the more so where there are few samples to memorise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from trainables.multimodal.data.generated.densities import Parities, Simplex, patches, random_basis
from trainables.multimodal.data.generated.drawn import DrawnSamples, draw
from trainables.multimodal.data.recipes import Recipe, between
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST
from trainables.multimodal.data.store.feature_store import Modality

STRONG: Final = "strong"
WEAK: Final = "weak"
BITS: Final = 2
STRENGTH: Final = 2.25
"""Of the simplex: .87 by Bayes' rule."""
DIMENSIONS: Final = 32
SIDE: Final = 16
"""Of a picture, in pixels."""
VALIDATION_SAMPLES: Final = 1000
TEST_SAMPLES: Final = 4000


@dataclass(frozen=True)
class Common:
    """What both modalities are told."""

    seed: int = field(default=0, metadata=between(0, 2**31 - 1))
    samples: int = field(default=2000, metadata=between(16, 100_000))
    """Samples to train with."""


@dataclass(frozen=True)
class Corners(Common):
    """Vectors around the corners of a simplex."""

    nuisance: int = field(default=0, metadata=between(0, 4096))
    """Further dimensions that hold noise alone, by which a network can tell training samples apart."""

    def modality(self, name: str) -> Modality:
        """Its entry in the store."""
        return Modality(name, (DIMENSIONS + self.nuisance,), "float32")

    def density(self, generator: np.random.Generator) -> Simplex:
        """Its density, in directions drawn at random."""
        return Simplex(random_basis(DIMENSIONS + self.nuisance, 2**BITS, generator), STRENGTH)


@dataclass(frozen=True)
class Signs(Common):
    """Vectors of signs whose products are the bits of the class."""

    signs: int = field(default=3, metadata=between(2, 8))
    """Of a bit."""
    noise: int = field(default=40, metadata=between(1, 1000))
    """Standard deviation in percent of a sign."""

    def modality(self, name: str) -> Modality:
        """Its entry in the store."""
        return Modality(name, (DIMENSIONS,), "float32")

    def density(self, generator: np.random.Generator) -> Parities:
        """Its density, in directions drawn at random."""
        basis = random_basis(DIMENSIONS, BITS * self.signs, generator)
        return Parities(basis, self.signs, self.noise / 100)


@dataclass(frozen=True)
class CornerPictures(Common):
    """Pictures of a bright square whose place tells the class, in noise."""

    def modality(self, name: str) -> Modality:
        """Its entry in the store."""
        return Modality(name, (1, SIDE, SIDE), "float32")

    def density(self, generator: np.random.Generator) -> Simplex:
        """Its density."""
        return Simplex(patches(SIDE, 2**BITS), STRENGTH)


@dataclass(frozen=True)
class SignPictures(Signs):
    """Pictures of squares, bright or dark, each of them a sign."""

    def modality(self, name: str) -> Modality:
        """Its entry in the store."""
        return Modality(name, (1, SIDE, SIDE), "float32")

    def density(self, generator: np.random.Generator) -> Parities:
        """Its density."""
        return Parities(patches(SIDE, BITS * self.signs), self.signs, self.noise / 100)


RECIPES: Final[Mapping[str, Recipe]] = {
    "vectors": Recipe("vectors", {STRONG: Corners(), WEAK: Signs()}),
    "pictures": Recipe("pictures", {STRONG: CornerPictures(), WEAK: SignPictures()}),
}


def drawn(recipe: Recipe) -> DrawnSamples:
    """The samples of a step of the ladder."""
    settings = recipe.settings()
    generator = np.random.default_rng(settings["seed"])
    densities = {name: part.density(generator) for name, part in recipe.parts.items()}
    shapes = {name: modality.shape for name, modality in recipe.modalities().items()}
    return draw(densities, (settings["samples"], VALIDATION_SAMPLES, TEST_SAMPLES), generator, shapes)


def read(recipe: Recipe) -> Source:
    """A step of the ladder as a data set; its note states what Bayes' rule reaches on its test samples."""
    samples = drawn(recipe)
    reached = [samples.bayes(*names, parts=[TEST]) for names in ((STRONG,), (WEAK,), (STRONG, WEAK))]
    note = (
        f"generated imbalance: by Bayes' rule {STRONG} alone reaches {reached[0]:.1%} of these test samples, "
        f"{WEAK} alone {reached[1]:.1%}, both {reached[2]:.1%}"
    )
    return samples.source("ladder", recipe.settings(), note)
