"""What each hyperparameter does over the whole searched range, from a design that no search has biased."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import combinations
from math import sqrt

import numpy as np
from scipy import stats

from study.analysis.design_axes import Array, Axis, dummy
from study.analysis.gaussian_process import FOLDS, DrawnFunctions, FoldedProcess, Link
from study.analysis.statistics import ALPHA, holm

LEAST_POINTS = 20  # with fewer, a fold leaves too few to learn a surface from
DRAWS = 200
BACKGROUND, PAIR_BACKGROUND = (
    128,
    32,
)  # points of the other hyperparameters, powers of two, that are averaged over
NEGLIGIBLE = 0.05  # share of the variance that does not matter
TREND_ALPHA = ALPHA / 2  # the other half is left to the surface, which is the other way to matter


class Matters(Enum):
    """What the points say of a hyperparameter."""

    YES = "matters"
    NO = "does not matter"
    UNKNOWN = "not decidable"


@dataclass(frozen=True)
class Estimate:
    """A share of the variance of the surface with its 95 % interval."""

    share: float
    low: float
    high: float
    above: bool
    """Whether it is above the share that a dummy is given, in 97.5 of 100 draws."""


@dataclass(frozen=True)
class MainEffect:
    """Mean of the score at the nodes of an axis, over all values of the other hyperparameters."""

    mean: Array
    low: Array
    """Of a band that holds the whole curve in 95 of 100 cases."""
    high: Array


@dataclass(frozen=True)
class Influence:
    """One hyperparameter: its effect and shares, where the surface explains something, trend and verdict."""

    axis: Axis
    effect: MainEffect | None
    alone: Estimate | None
    """Share of the variance by itself (first order)."""
    total: Estimate | None
    """Share that involves it: alone and in interactions."""
    trend: float
    """Spearman's rank correlation with the score; NaN for categories."""
    p: float
    """Holm-adjusted, of the trend or, for categories, of Kruskal and Wallis' test."""
    matters: Matters


@dataclass(frozen=True)
class PairMap:
    """Mean of the score over two hyperparameters, and its uncertainty."""

    first: Axis
    second: Axis
    mean: Array
    """[nodes of first, nodes of second]."""
    sd: Array
    reach: float
    """Standard deviations within which the whole true map lies in 95 of 100 cases."""
    interaction: Estimate
    """Share of the variance that the two have together beyond what each has alone."""


@dataclass(frozen=True)
class Surface:
    """The score of a method over its hyperparameters."""

    points: Array
    """[n, axes] in the unit cube."""
    values: Array
    """Scores there, means over seeds [n]."""
    r2: float | None
    """Cross-validated; None with too few points or none that differ."""
    floor: float | None
    """Upper end of the total share of a dummy that does nothing."""
    influences: Sequence[Influence]
    maps: Sequence[PairMap]

    @property
    def explains(self) -> bool:
        """Whether the surface predicts points it has not seen better than their mean does."""
        return self.r2 is not None and self.r2 > 0


@dataclass(frozen=True)
class _Slices:
    """One axis over the whole of the others: shares alone and in total, and effects, by drawn function."""

    alone: Array
    total: Array
    effects: Array


def surface(axes: Sequence[Axis], points: Array, values: Array, link: Link) -> Surface:
    """The surface through scores [n] at points [n, axes] of the unit cube, and what each axis has in it.

    A dummy axis is learned along; its share is the noise floor. An interval of a share that is not above the
    floor begins at 0. Where cross-validation explains nothing there are no effects, shares and maps; nor are
    there of an axis all of whose scores lie at one place, since those of other places failed.
    """
    influences = [_untold(a, *test) for a, test in zip(axes, _trends(axes, points, values), strict=True)]
    varied = [place for place in range(len(axes)) if len(np.unique(points[:, place])) > 1]
    process = _process([axes[place] for place in varied], points[:, varied], values, link)
    if process is None or process.r2 <= 0:
        return Surface(points, values, None if process is None else process.r2, None, influences, [])
    everything = [*(axes[place] for place in varied), dummy()]
    drawn, background = process.draw(DRAWS), _background(everything, BACKGROUND)
    *slices, nothing = [_slices(drawn, everything, place, background) for place in range(len(everything))]
    for place, found in zip(varied, slices, strict=True):
        influences[place] = _influence(influences[place], found, nothing)
    floor = _upper(nothing.total)
    maps = _maps(drawn, everything, slices, floor)
    return Surface(points, values, process.r2, floor, influences, maps)


def _process(axes: Sequence[Axis], points: Array, values: Array, link: Link) -> FoldedProcess | None:
    """The model with the dummy as its last input; None where there is nothing to learn from."""
    if len(values) < LEAST_POINTS or np.ptp(values) == 0:
        return None
    nothing = (np.random.default_rng(0).permutation(len(values)) + 0.5) / len(values)
    return FoldedProcess(_inputs([*axes, dummy()], np.column_stack([points, nothing])), values, link)


def _inputs(axes: Sequence[Axis], points: Array) -> Array:
    """Inputs of the model at points [..., axes]."""
    flat = points.reshape(-1, len(axes))
    columns = np.concatenate([axis.columns(flat[:, place]) for place, axis in enumerate(axes)], 1)
    return columns.reshape(*points.shape[:-1], -1)


def _background(axes: Sequence[Axis], count: int) -> Array:
    """Points spread evenly over the whole domain [count, axes]."""
    quantiles = stats.qmc.Sobol(len(axes), rng=np.random.default_rng(0)).random(count)
    return np.column_stack([axis.at(quantiles[:, place]) for place, axis in enumerate(axes)])


def _grid(background: Array, chosen: Sequence[int], nodes: Array) -> Array:
    """The background at every node [nodes, chosen] of some axes: [nodes, background, axes]."""
    points = np.repeat(background[None], len(nodes), 0)
    points[:, :, list(chosen)] = nodes[:, None]
    return points


def _slices(drawn: DrawnFunctions, axes: Sequence[Axis], place: int, background: Array) -> _Slices:
    """Variance over one axis, before and after averaging over the others."""
    points = _inputs(axes, _grid(background, [place], np.asarray(axes[place].places)[:, None]))
    values = drawn(points)
    effects, variance = values.mean(1), values.var((0, 1))
    return _Slices(effects.var(0) / variance, values.var(0).mean(0) / variance, effects)


def _untold(axis: Axis, trend: float, p: float) -> Influence:
    """What there is without a surface: the trend."""
    return Influence(axis, None, None, None, trend, p, Matters.YES if p < TREND_ALPHA else Matters.UNKNOWN)


def _influence(tested: Influence, found: _Slices, nothing: _Slices) -> Influence:
    """What the surface adds to the trend of an axis."""
    alone = _estimate(found.alone, _upper(nothing.alone))
    total = _estimate(found.total, _upper(nothing.total))
    verdict = Matters.NO if total.high < NEGLIGIBLE else Matters.UNKNOWN
    if total.above or tested.p < TREND_ALPHA:
        verdict = Matters.YES
    return replace(tested, effect=_band(found.effects), alone=alone, total=total, matters=verdict)


def _upper(shares: Array) -> float:
    return float(np.quantile(shares, 1 - ALPHA / 2))


def _estimate(shares: Array, floor: float) -> Estimate:
    """Median and interval of drawn shares; one that is not above the floor begins at 0."""
    above = bool(np.quantile(shares, ALPHA / 2) > floor)
    low, high = np.quantile(_widened(shares), [ALPHA / 2, 1 - ALPHA / 2])
    return Estimate(float(np.median(shares)), float(low) if above else 0.0, float(high), above)


def _widened(shares: Array) -> Array:
    """Drawn shares, fold by fold, whose variance between folds counts FOLDS - 1 times.

    As in a jackknife over groups: models that share most of their points differ less than models of fresh
    points would. Without it intervals of a real table hold fewer of the exact shares (results/LOG.md).
    """
    folds = shares.reshape(FOLDS, -1)
    means = folds.mean(1, keepdims=True)
    widened: Array = folds + (sqrt(FOLDS - 1) - 1) * (means - means.mean())
    return np.clip(widened, 0, 1)


def _band(effects: Array) -> MainEffect:
    """Mean of curves [nodes, curves] and a band that 95 % of them do not leave."""
    mean, half = effects.mean(1), _reach(effects) * effects.std(1)
    return MainEffect(mean, mean - half, mean + half)


def _reach(effects: Array) -> float:
    """Standard deviations from their mean that 95 % of drawn curves or maps [..., draws] nowhere pass."""
    nodes = effects.reshape(-1, effects.shape[-1])
    farthest = np.abs((nodes - nodes.mean(1, keepdims=True)) / nodes.std(1, keepdims=True)).max(0)
    return float(np.quantile(farthest, 1 - ALPHA))


def _maps(
    drawn: DrawnFunctions, axes: Sequence[Axis], slices: Sequence[_Slices], floor: float
) -> list[PairMap]:
    """A map of every pair, those with the largest interaction first."""
    background = _background(axes, PAIR_BACKGROUND)
    maps = [
        _map(drawn, axes, pair, background, slices, floor) for pair in combinations(range(len(slices)), 2)
    ]
    return sorted(maps, key=lambda one: -one.interaction.share)


def _map(
    drawn: DrawnFunctions,
    axes: Sequence[Axis],
    pair: tuple[int, int],
    background: Array,
    slices: Sequence[_Slices],
    floor: float,
) -> PairMap:
    first, second = (axes[place] for place in pair)
    nodes = np.stack(np.meshgrid(first.places, second.places, indexing="ij"), -1)
    effects = drawn(_inputs(axes, _grid(background, pair, nodes.reshape(-1, 2)))).mean(1)
    effects = effects.reshape(*nodes.shape[:2], -1)
    rows, columns = effects.mean(1, keepdims=True), effects.mean(0, keepdims=True)
    together = (effects - rows - columns + effects.mean((0, 1))).var((0, 1))
    variance = slices[pair[0]].effects.var(0) / slices[pair[0]].alone
    interaction = _estimate(together / variance, floor)
    return PairMap(first, second, effects.mean(2), effects.std(2), _reach(effects), interaction)


def _trends(axes: Sequence[Axis], points: Array, values: Array) -> list[tuple[float, float]]:
    """Rank correlation of every axis with the score, and its p-value, Holm-adjusted over the axes."""
    if len(values) < LEAST_POINTS or np.ptp(values) == 0:
        return [(float("nan"), 1.0)] * len(axes)
    tests = [_trend(axis, points[:, place], values) for place, axis in enumerate(axes)]
    adjusted = holm([p for _, p in tests])
    return [(rank, 1.0 if p is None else p) for (rank, _), p in zip(tests, adjusted, strict=True)]


def _trend(axis: Axis, places: Array, values: Array) -> tuple[float, float]:
    if np.ptp(places) == 0:  # all that ended elsewhere failed
        return float("nan"), 1.0
    if axis.categories:
        groups = [values[places == place] for place in np.unique(places)]
        return float("nan"), float(stats.kruskal(*groups).pvalue)
    rank = stats.spearmanr(places, values)
    return float(rank.statistic), float(rank.pvalue)
