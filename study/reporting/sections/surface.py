"""What each hyperparameter does over the whole searched range: effects, maps and shares of the variance."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.results import Results
from study.analysis.surface import Influence, Matters, PairMap
from study.analysis.surfaces import MethodSurface
from study.reporting import surface_wording, wording
from study.reporting.cells import p
from study.reporting.drawing import legends, style, surfaces
from study.reporting.section import AS_ABOVE, Drawn, Row, Section, Table, looks

EFFECTS = (
    "Mean validation score over the whole range of all other hyperparameters. The band holds the whole curve "
    "in 95 of 100 cases, seeds and unseen points included. Dots are the points of the design."
)
MAPS = (
    "Mean validation score over two hyperparameters at once, averaged over all others (top), and the "
    "standard deviation of that mean (below): the darker, the less the points tell. The whole true map lies "
    "within {reach:.1f} of these standard deviations in 95 of 100 cases."
)
SHARES = (
    "Shares of the variance over the searched range, without the noise of seeds: by a hyperparameter alone, "
    "and with its interactions, with 95 % intervals. An interval of a share that is not above what a dummy "
    "without any effect is given begins at 0."
)
RULES = (
    "A Gaussian process learns the surface from a design that no search has biased. A hyperparameter matters "
    "if its share with interactions is above that of a dummy, or if its trend is significant (Holm-adjusted "
    "p below .025, half of .05, since there are two ways). It does not if that share is below 5 % for "
    "certain. Anything else is not decidable."
)
MOST_MAPS = 3


class SearchedSurface(Section):
    """The stage `surface`."""

    name = "surface"
    title = "Hyperparameters over their whole range"

    def findings(self, results: Results) -> Iterable[str]:
        """What each hyperparameter of each method is shown to do."""
        for found in results.surfaces.values():
            yield from surface_wording.verdicts(results.settings, found)

    def figures(self, results: Results) -> Iterable[Drawn]:
        """Shares of all methods, then effects and maps of each."""
        told = [found for found in results.surfaces.values() if found.surface.explains]
        if told:
            seen = surface_wording.seen_shares(results.settings, told)
            yield Drawn("surface_shares", SHARES, _shares(results, told), seen)
        caption = EFFECTS
        for found in told:
            seen = surface_wording.seen_effects(results.settings, found)
            yield Drawn(f"surface_effects_{found.method}", caption, _effects(results, found), seen)
            caption = AS_ABOVE
            maps = found.pairs[:MOST_MAPS]
            if maps:
                words = MAPS.format(reach=max(one.reach for one in maps))
                seen = surface_wording.seen_maps(results.settings, found, maps)
                yield Drawn(f"surface_maps_{found.method}", words, _maps(results, found, maps), seen)

    def tables(self, results: Results) -> Iterable[Table]:
        """A table per method, a row per hyperparameter."""
        heads = [
            "Hyperparameter",
            "Alone (%)",
            "With interactions (%)",
            "Trend",
            "Holm-adjusted p",
            "Verdict",
        ]
        rules = RULES
        for found in results.surfaces.values():
            label = results.settings.label(found.method)
            rows = [_cells(results, found, one) for one in found.surface.influences]
            note = " ".join(filter(None, [rules, surface_wording.basis(results.settings, found)]))
            yield Table(f"{label}: shares of the variance", heads, rows, note)
            rules = ""

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """Shares, main effects and maps of all methods."""
        found = list(results.surfaces.values())
        return {
            "surface": pd.DataFrame([row for one in found for row in _share_rows(one)]),
            "surface_effects": pd.DataFrame([row for one in found for row in _effect_rows(one)]),
            "surface_maps": pd.DataFrame([row for one in found for row in _map_rows(one)]),
        }


def _cells(results: Results, found: MethodSurface, one: Influence) -> list[str]:
    verdict = one.matters.value
    best = surface_wording.best(results.settings, one)
    if one.matters is Matters.YES and best:
        verdict += f", best near {best}"
    if one.matters is Matters.UNKNOWN:
        verdict += f" with {wording.count(len(found.surface.values), 'point')}"
    name = surface_wording.symbol(results.settings, found.method, one.axis.key)
    shares = [surface_wording.interval(estimate) for estimate in (one.alone, one.total)]
    return [name, *shares, wording.NONE if np.isnan(one.trend) else f"{one.trend:+.2f}", p(one.p), verdict]


def _effects(results: Results, found: MethodSurface) -> Figure:
    """A panel per hyperparameter, all on one scale."""
    influences, surface = found.surface.influences, found.surface
    wide = style.PAGE if len(influences) > 1 else style.COLUMN
    figure, panels = style.panels(wide, len(influences))
    look = looks(results, [found.method])[found.method]
    for place, (axes, one) in enumerate(zip(panels, influences, strict=True)):
        surfaces.effect(axes, one, surface.points[:, place], surface.values, look)
        axes.set_xlabel(surface_wording.symbol(results.settings, found.method, one.axis.key))
    style.alike(panels)
    _scored(results, panels)
    figure.suptitle(f"{look.label}: mean effect of each hyperparameter")
    entries = [legends.band("mean, 95 % band", look), *legends.point_keys(lost=False)]
    legends.legend(figure, [], entries)
    return figure


def _scored(results: Results, panels: Sequence[Axes]) -> None:
    """The score on all y axes, named on the left."""
    metric = results.settings.judged_by.name
    for axes in panels:
        style.scored(axes, metric)
    label = wording.with_unit(f"validation {wording.metric(metric)}", metric, "%")
    style.left(panels, label)


def _maps(results: Results, found: MethodSurface, maps: Sequence[PairMap]) -> Figure:
    """Means over pairs above, their standard deviations below."""
    metric = results.settings.judged_by.name
    figure, means, spreads = style.maps(len(maps))
    limits = min(one.mean.min() for one in maps), max(one.mean.max() for one in maps)
    most = max(one.sd.max() for one in maps)
    keys = [one.axis.key for one in found.surface.influences]
    for one, above, below in zip(maps, means, spreads, strict=True):
        filled = surfaces.mean_map(above, one, limits, surface_wording.top(results.settings, one))
        spread = surfaces.spread_map(below, one, most)
        columns = keys.index(one.first.key), keys.index(one.second.key)
        for axes in (above, below):
            surfaces.design(axes, one, found.surface.points, found.lost, columns)
            axes.set_ylabel(surface_wording.symbol(results.settings, found.method, one.second.key))
            if axes.xaxis.get_tick_params()["labelbottom"]:  # not the upper one of a shared axis
                axes.set_xlabel(surface_wording.symbol(results.settings, found.method, one.first.key))
    score = wording.with_unit(f"mean {wording.metric(metric)}", metric, "%")
    surfaces.bar(figure, filled, means, score, metric)
    surfaces.bar(figure, spread, spreads, wording.with_unit("standard deviation", metric, "points"), metric)
    figure.suptitle(f"{results.settings.label(found.method)}: two hyperparameters at once")
    entries = [legends.optimum_key(), *legends.point_keys(lost=len(found.lost) > 0)]
    legends.legend(figure, [], entries)
    return figure


def _shares(results: Results, told: Sequence[MethodSurface]) -> Figure:
    """A panel per method."""
    figure, panels = style.stacked([len(found.surface.influences) for found in told])
    for axes, found in zip(panels, told, strict=True):
        look = looks(results, [found.method])[found.method]
        influences = found.surface.influences
        names = [surface_wording.symbol(results.settings, found.method, one.axis.key) for one in influences]
        surfaces.shares(axes, influences, names, found.surface.floor or 0.0, look)
        axes.set_title(look.label)
    style.outer(panels, "", "share of the variance (%)")
    legends.legend(figure, [], legends.surface_share_keys())
    return figure


def _share_rows(found: MethodSurface) -> Iterable[Row]:
    for one in found.surface.influences:
        row: Row = {"method": found.method, "key": one.axis.key, "matters": one.matters.value}
        for name, estimate in (("alone", one.alone), ("total", one.total)):
            ends = (None,) * 3 if estimate is None else (estimate.share, estimate.low, estimate.high)
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
        yield row | {
            "trend": one.trend,
            "p_holm": one.p,
            "r2": found.surface.r2,
            "floor": found.surface.floor,
        }


def _effect_rows(found: MethodSurface) -> Iterable[Row]:
    for one in found.surface.influences:
        if one.effect is not None:
            start = {"method": found.method, "key": one.axis.key}
            curve = zip(one.axis.values, one.effect.mean, one.effect.low, one.effect.high, strict=True)
            yield from (
                start | {"value": v, "mean": m, "low": low, "high": high} for v, m, low, high in curve
            )


def _map_rows(found: MethodSurface) -> Iterable[Row]:
    for one in found.pairs:
        start: Row = {"method": found.method, "first": one.first.key, "second": one.second.key}
        start |= {"interaction": one.interaction.share}
        for (i, j), mean in np.ndenumerate(one.mean):
            at = {"first_value": one.first.values[i], "second_value": one.second.values[j]}
            yield start | at | {"mean": mean, "sd": one.sd[i, j]}
