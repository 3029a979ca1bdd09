"""Whether the surface of a design tells the truth: on a planted function, on noise, and on a real table.

python tests/benchmarks/surface_truth.py planted|noise|table|table-iid [--repeats N] [--points N] [--data DIR]

planted: a function with an optimum and an interaction, and noise of seeds. In how many repetitions do the
    bands, maps and intervals hold the whole true main effect, map and share?
noise: values that depend on nothing. How often is a hyperparameter said to matter?
table: a complete grid of trained models. Shares of the variance from the points of a design, beside the
    exact ones.
table-iid: the same from points drawn independently of each other, which leave holes.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log2, prod
from pathlib import Path

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats

from study.analysis.design_axes import Array, Axis, Domain, axis, points
from study.analysis.gaussian_process import FRACTION
from study.analysis.surface import Matters, Surface, surface

DOMAINS: dict[str, Domain] = {
    "lr": FloatDistribution(1e-3, 1e-1, log=True),
    "lam": FloatDistribution(0.0, 10.0),
    "every": IntDistribution(1, 5),
    "nothing": IntDistribution(1, 5),
}
AXES = [axis(key, domain) for key, domain in DOMAINS.items()]
SEED_SPREAD = 0.01
OPTIMUM = 0.6  # place of the best learning rate
KEYS = ("lrate", "l2_reg", "batchsize", "n_epochs")
Rows = Callable[[Sequence[Axis], int, int], Array]  # numbers of rows, of axes, seed and count


@dataclass(frozen=True)
class Exact:
    """Shares, main effects and the map of a function on the nodes of its axes."""

    alone: list[float]
    total: list[float]
    effects: list[Array]
    grid: Array


def score(places: Array) -> Array:
    """An accuracy with its best learning rate at OPTIMUM, and lambda that depends on `every` [n]."""
    lr, lam, every, _ = np.moveaxis(places, -1, 0)
    return 0.70 - 0.35 * (lr - OPTIMUM) ** 2 - 0.10 * (lam - 0.4) ** 2 + 0.15 * (lam - 0.5) * (every - 0.5)


def exact(grid: Array) -> Exact:
    """The decomposition of a function whose values at all nodes are known."""

    def others(place: int) -> tuple[int, ...]:
        return tuple(axis for axis in range(grid.ndim) if axis != place)

    effects = [grid.mean(others(place)) for place in range(grid.ndim)]
    alone = [float(effect.var() / grid.var()) for effect in effects]
    total = [float(grid.var(place).mean() / grid.var()) for place in range(grid.ndim)]
    return Exact(alone, total, effects, grid)


def planted_truth() -> Exact:
    """The exact decomposition of `score`."""
    mesh = np.meshgrid(*(axis.places for axis in AXES), indexing="ij")
    return exact(score(np.stack(mesh, -1)))


def designed(axes: Sequence[Axis], seed: int, count: int) -> Array:
    """Places of a scrambled Sobol design [count, axes], as the stage `surface` draws it."""
    design = stats.qmc.Sobol(len(axes), rng=np.random.default_rng(seed))
    quantiles = design.random_base2(ceil(log2(count)))[:count]
    return np.column_stack([one.at(quantiles[:, n]) for n, one in enumerate(axes)])


def sampled(seed: int, count: int, planted: bool = True) -> Surface:
    """The surface from a Sobol design of `score`, or of nothing, with the noise of seeds."""
    places = designed(AXES, seed, count)
    noise = SEED_SPREAD * np.random.default_rng(seed).standard_normal(count)
    return surface(AXES, places, (score(places) if planted else 0.5) + noise, FRACTION)


def held(found: Surface, truth: Exact) -> dict[str, bool]:
    """What of the truth a surface holds."""
    both = list(zip(found.influences, truth.effects, strict=True))
    named = {
        f"band of {one.axis.key}": bool(np.all((one.effect.low <= true) & (true <= one.effect.high)))
        for one, true in both
        if one.effect
    }
    for one, alone, total in zip(found.influences, truth.alone, truth.total, strict=True):
        if one.alone and one.total:
            named[f"share of {one.axis.key} alone"] = one.alone.low <= alone <= one.alone.high
            named[f"total share of {one.axis.key}"] = one.total.low <= total <= one.total.high
    largest = found.maps[0]
    named["largest interaction is lam x every"] = {largest.first.key, largest.second.key} == {"lam", "every"}
    named["interaction is above the floor"] = largest.interaction.above
    true = truth.grid.mean((0, 3))
    if largest.mean.shape == true.shape:
        named["map of lam x every"] = bool(np.all(np.abs(largest.mean - true) <= largest.reach * largest.sd))
    lr = found.influences[0]
    if lr.effect:
        named["best lr within .1 of the optimum"] = bool(
            abs(lr.axis.places[int(lr.effect.mean.argmax())] - OPTIMUM) <= 0.1
        )
    verdicts = [one.matters for one in found.influences]
    named["lr, lam, every are said to matter"] = verdicts[:3] == [Matters.YES] * 3
    named["nothing is not said to matter"] = verdicts[3] is not Matters.YES
    return named


def table(folder: Path) -> tuple[list[Axis], Array, Array, Exact]:
    """Axes, points and errors of the complete grid of logistic regressions, and its exact decomposition."""
    rows = pd.read_csv(folder / "hpo_tables" / "logreg_grid.csv.gz").sort_values(list(KEYS))
    domains = {key: CategoricalDistribution(sorted(rows[key].unique().tolist())) for key in KEYS}
    axes = [ordered(axis(key, domain)) for key, domain in domains.items()]
    values = rows["valid_error"].to_numpy()
    grid = values.reshape([len(one.places) for one in axes])
    return axes, points(rows[list(KEYS)].to_dict("records"), domains), values, exact(grid)


def ordered(levels: Axis) -> Axis:
    """Levels of a grid as an axis whose order counts."""
    return Axis(levels.key, levels.places, tuple(int(place * 1000) for place in levels.places))


def design_rows(axes: Sequence[Axis], seed: int, count: int) -> Array:
    """Rows of the grid that a design names, each once: of 200 points hardly two are the same row."""
    places = designed(axes, seed, count).T
    nodes = [np.searchsorted(one.places, at) for one, at in zip(axes, places, strict=True)]
    return np.unique(np.ravel_multi_index(nodes, [len(one.places) for one in axes]))


def iid_rows(axes: Sequence[Axis], seed: int, count: int) -> Array:
    """Rows of the grid drawn independently of each other, each once."""
    rows = prod(len(one.places) for one in axes)
    return np.random.default_rng(seed).choice(rows, count, replace=False)


def from_table(seed: int, count: int, folder: Path, rows: Rows = design_rows) -> tuple[Surface, Exact]:
    """The surface from some rows of the table, and the truth of all of them."""
    axes, places, values, truth = table(folder)
    chosen = rows(axes, seed, count)
    return surface(axes, places[chosen], values[chosen], FRACTION), truth


def show_table(repeats: int, count: int, folder: Path, rows: Rows) -> None:
    """Print errors and coverage of first-order shares."""
    errors, covered = [], []
    for seed in range(repeats):
        found, truth = from_table(seed, count, folder, rows)
        shares = [one.alone for one in found.influences if one.alone]
        errors.append([one.share - true for one, true in zip(shares, truth.alone, strict=True)])
        covered.append([one.low <= true <= one.high for one, true in zip(shares, truth.alone, strict=True)])
        print(seed, f"r2 {found.r2:.3f}", np.round(errors[-1], 3), covered[-1], flush=True)
    largest = np.abs(errors).max(1)
    print(
        f"within .05: {np.sum(largest <= 0.05)} of {repeats}; median largest error {np.median(largest):.3f}"
    )
    print("mean absolute error, coverage:", np.abs(errors).mean(0).round(3), np.mean(covered, 0))


def show_planted(repeats: int, count: int) -> None:
    """Print how many repetitions hold each part of the truth."""
    truth = planted_truth()
    each = [held(sampled(seed, count), truth) for seed in range(repeats)]
    for name in each[0]:
        print(f"{name}: {sum(one.get(name, False) for one in each)} of {repeats}")


def show_noise(repeats: int, count: int) -> None:
    """Print what is claimed of noise."""
    found = [sampled(seed, count, planted=False) for seed in range(repeats)]
    claims = [any(one.matters is Matters.YES for one in each.influences) for each in found]
    print(f"explains: {sum(each.explains for each in found)} of {repeats}")
    print(f"a hyperparameter is said to matter: {sum(claims)} of {repeats}")


TABLES: dict[str, Rows] = {"table": design_rows, "table-iid": iid_rows}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one of the four."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["planted", "noise", *TABLES])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--points", type=int, default=64)
    parser.add_argument("--data", type=Path, help="folder that holds hpo_tables/")
    asked = parser.parse_args(arguments)
    if asked.what in TABLES:
        if asked.data is None:
            parser.error(f"{asked.what} needs --data, the folder that holds hpo_tables/")
        show_table(asked.repeats, asked.points, asked.data, TABLES[asked.what])
    else:
        {"planted": show_planted, "noise": show_noise}[asked.what](asked.repeats, asked.points)


if __name__ == "__main__":
    main()
