"""The purity gap where nothing is over-fitted: training and validation features from one distribution.

python tests/benchmarks/purity_gap.py prints, for each case, the mean over ten draws of the published gap and
of the size-matched gap, each with its noise floor. Both gaps should be at their floor.
"""

import numpy as np

from trainables.multimodal.diagnostics import Labelled, measure_purity

CLASSES, TRAIN, VALIDATION, DRAWS = 8, 960, 240, 10
CASES = ((128, 0.22), (32, 0.4), (128, 0.25))
"""Dimensions of the features, and standard deviation of the class means; features add unit noise to them."""


def features(draw: np.random.Generator, means: np.ndarray, count: int) -> Labelled:
    """Features [count, D] around the means [CLASSES, D] of their classes."""
    labels = draw.integers(0, len(means), count)
    return Labelled((means[labels] + draw.normal(size=(count, means.shape[1]))).astype(np.float32), labels)


def gaps(dimensions: int, separation: float, seed: int) -> list[float]:
    """Published gap and floor, size-matched gap and floor, of one draw."""
    draw = np.random.default_rng(seed)
    means = separation * draw.normal(size=(CLASSES, dimensions))
    purity = measure_purity(features(draw, means, TRAIN), features(draw, means, VALIDATION), CLASSES)
    return [purity.gap, purity.noise_floor, purity.gap_size_matched, purity.noise_floor_size_matched]


def main() -> None:
    print("dimensions separation  published gap (floor)  size-matched gap (floor)")
    for dimensions, separation in CASES:
        drawn = [gaps(dimensions, separation, seed) for seed in range(DRAWS)]
        gap, floor, matched, matched_floor = np.mean(drawn, axis=0)
        shown = f"{gap:14.3f} ({floor:.3f}) {matched:17.3f} ({matched_floor:.3f})"
        print(f"{dimensions:10} {separation:10} {shown}")


if __name__ == "__main__":
    main()
