"""Controls of a study: two modalities of which it is known what the second one is worth.

`gain`: both are Gaussians around the corners of a simplex, so that both together are worth more than either.
`null`: the second is noise. A study must see the first difference and no difference in the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from trainables.multimodal.data.generated.densities import Simplex, random_basis, simplex_accuracy
from trainables.multimodal.data.generated.drawn import DrawnSamples, draw
from trainables.multimodal.data.recipes import Recipe, between
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import PARTS
from trainables.multimodal.data.store.feature_store import Modality

FIRST: Final = "first"
SECOND: Final = "second"
CLASSES: Final = 4
DIMENSIONS: Final = 4
STRENGTHS: Final[Mapping[str, tuple[float, float]]] = {"gain": (2.0, 1.2), "null": (2.0, 0.0)}
"""Variant -> strength of the simplex of each modality; the second of `null` has none."""
COUNTS: Final = (8000, 1000, 2000)
"""Samples to train, validate and test with in the search: so many that a small network comes close to Bayes'
rule. Folds test each once."""
MOST_SEED: Final = 2**31 - 1


@dataclass(frozen=True)
class Vectors:
    """What a modality of the controls is: vectors drawn from a seed."""

    seed: int = field(default=0, metadata=between(0, MOST_SEED))

    def modality(self, name: str) -> Modality:
        """Its entry in the store."""
        return Modality(name, (DIMENSIONS,), "float32")


RECIPES: Final = {"gaussian": Recipe("gaussian", {FIRST: Vectors(), SECOND: Vectors()})}


@dataclass(frozen=True)
class Truth:
    """Accuracy of Bayes' rule that sees the first modality, and both."""

    first: float
    both: float

    @property
    def gain(self) -> float:
        """What the second modality is worth."""
        return self.both - self.first


def expected(variant: str) -> Truth:
    """The truth of a variant on new samples."""
    first, second = STRENGTHS[variant]
    both = float(np.hypot(first, second))
    return Truth(simplex_accuracy(CLASSES, first), simplex_accuracy(CLASSES, both))


def on_samples(variant: str, seed: int) -> Truth:
    """The truth on the samples that this seed gives, all of which are tested over five folds."""
    drawn = _drawn(variant, seed)
    return Truth(drawn.bayes(FIRST, parts=PARTS), drawn.bayes(FIRST, SECOND, parts=PARTS))


def read(variant: str, recipe: Recipe) -> Source:
    """The samples of a variant, drawn from the recipe's seed; its note states the truth."""
    seed = recipe.settings()["seed"]
    new, tested = expected(variant), on_samples(variant, seed)
    note = (
        f"generated with known truth: by Bayes' rule {FIRST} alone reaches {new.first:.1%}, both modalities "
        f"{new.both:.1%}, so {SECOND} is worth {100 * new.gain:.1f} points; on the samples "
        f"of seed {seed} {tested.first:.1%}, {tested.both:.1%} and {100 * tested.gain:.1f} points."
    )
    return _drawn(variant, seed).source(f"controls-{variant}", recipe.settings(), note)


def _drawn(variant: str, seed: int) -> DrawnSamples:
    generator = np.random.default_rng([seed, *map(ord, variant)])
    densities = {
        name: Simplex(random_basis(DIMENSIONS, CLASSES, generator), strength)
        for name, strength in zip((FIRST, SECOND), STRENGTHS[variant], strict=True)
    }
    return draw(densities, COUNTS, generator)
