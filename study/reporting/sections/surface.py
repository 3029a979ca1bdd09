"""What each hyperparameter does over the whole searched range: effects, maps and shares of the variance."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.results import Results
from study.analysis.surface import LEAST_POINTS, Estimate, Influence, Matters, PairMap
from study.analysis.surfaces import MethodSurface
from study.reporting import wording
from study.reporting.cells import ends, p
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
    "and with its interactions, with 95 % intervals. An interval that begins below what a dummy without any "
    "effect is given begins at 0."
)
RULES = (
    "A Gaussian process learns the surface from a design that no search has biased. A hyperparameter matters "
    "if its share with interactions is above that of a dummy, or if its trend is significant (Holm-adjusted "
    "p below .05). It does not if that share is below 5 % for certain. Anything else is not decidable."
)
MOST_MAPS = 3
R2 = "cross-validated R\N{SUPERSCRIPT TWO}"


class SearchedSurface(Section):
    """The stage `surface`."""

    name = "surface"
    title = "Hyperparameters over their whole range"

    def findings(self, results: Results) -> Iterable[str]:
        """What each hyperparameter of each method is shown to do."""
        for found in results.surfaces.values():
            yield from _verdicts(results, found)

    def figures(self, results: Results) -> Iterable[Drawn]:
        """Shares of all methods, then effects and maps of each."""
        told = [found for found in results.surfaces.values() if found.surface.explains]
        if told:
            yield Drawn("surface_shares", SHARES, _shares(results, told))
        caption = EFFECTS
        for found in told:
            yield Drawn(f"surface_effects_{found.method}", caption, _effects(results, found))
            caption = AS_ABOVE
            if found.pairs:
                reach = max(one.reach for one in found.pairs[:MOST_MAPS])
                yield Drawn(f"surface_maps_{found.method}", MAPS.format(reach=reach), _maps(results, found))

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
            note = " ".join(filter(None, [rules, _basis(results, found)]))
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


def _symbol(results: Results, method: str, key: str) -> str:
    return wording.symbol(key, results.settings.method(method).search.notation)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _interval(one: Estimate | None) -> str:
    return wording.NONE if one is None else f"{_percent(one.share)} {_ends(one)}"


def _ends(one: Estimate) -> str:
    return ends(_percent(one.low), _percent(one.high))


def _best(results: Results, one: Influence) -> str:
    """The value at which the mean over all others is best."""
    if one.effect is None:
        return ""
    place = int(np.argmax(results.settings.judged_by.sign * one.effect.mean))
    return wording.value(one.axis.values[place])


def _verdicts(results: Results, found: MethodSurface) -> Iterable[str]:
    """A sentence for each that matters, one for those that do not, one for those that are open."""
    label, surface = results.settings.label(found.method), found.surface
    if not surface.explains:
        yield f"{label}: {_unexplained(found)}"
    by_verdict = {verdict: [i for i in surface.influences if i.matters is verdict] for verdict in Matters}
    yield from (f"{label}: {_mattering(results, found, one)}" for one in by_verdict[Matters.YES])
    symbols = {
        verdict: wording.listing([_symbol(results, found.method, one.axis.key) for one in each])
        for verdict, each in by_verdict.items()
        if each
    }
    points = wording.count(len(surface.values), "point")
    if Matters.NO in symbols:
        yield f"{label}: over the searched range {symbols[Matters.NO]} {_does_not(by_verdict[Matters.NO])}."
    if Matters.UNKNOWN in symbols and surface.explains:
        yield f"{label}: whether {symbols[Matters.UNKNOWN]} matters is not decidable with {points}."


def _does_not(influences: Sequence[Influence]) -> str:
    return "does not matter" if len(influences) == 1 else "do not matter"


def _mattering(results: Results, found: MethodSurface, one: Influence) -> str:
    symbol = _symbol(results, found.method, one.axis.key)
    if one.total is None or one.effect is None:
        direction = "rises" if one.trend > 0 else "falls"
        return f"{symbol} matters: the score {direction} with it ({wording.p_value(one.p)}, Holm-adjusted)."
    metric = results.settings.judged_by.name
    moved = wording.size(float(np.ptp(one.effect.mean)), metric)
    return (
        f"{symbol} matters: {_percent(one.total.share)}{wording.PERCENT} of the variance over the searched "
        f"range {_ends(one.total)}, its mean score differs by {moved}, best near {_best(results, one)}"
        f"{_partner(results, found, one)}."
    )


def _partner(results: Results, found: MethodSurface, one: Influence) -> str:
    """The hyperparameter that it interacts with most, where that is more than noise."""
    with_it = [m for m in found.surface.maps if one.axis in (m.first, m.second) and m.interaction.low > 0]
    if not with_it:
        return ""
    largest = with_it[0]
    other = largest.second if largest.first == one.axis else largest.first
    return f", but it depends on {_symbol(results, found.method, other.key)}"


def _unexplained(found: MethodSurface) -> str:
    count = len(found.surface.values)
    if found.surface.r2 is None:
        few = f"{wording.count(count, 'point')} of the surface, or their scores do not differ"
        return f"too few points ({LEAST_POINTS} are needed) or none to tell apart: {few}."
    return (
        f"the surface of {wording.count(count, 'point')} explains nothing ({R2} {found.surface.r2:.2f}), so "
        "shares of the variance and maps are left out."
    )


def _basis(results: Results, found: MethodSurface) -> str:
    """What a table rests on."""
    surface, basis = found.surface, [wording.count(len(found.surface.values), "point")]
    basis.append(f"up to {wording.count(found.seeds, 'seed')} each")
    if surface.r2 is not None:
        basis.append(f"{R2} {surface.r2:.2f}")
    if surface.floor is not None:
        basis.append(f"a dummy is given up to {100 * surface.floor:.1f}{wording.PERCENT}")
    text = f"{results.settings.label(found.method)}: {', '.join(basis)}."
    if len(found.lost):
        lost = wording.count(len(found.lost), "point")
        text += f" The runs of {lost} diverged or failed; the surface is without them."
    return text


def _cells(results: Results, found: MethodSurface, one: Influence) -> list[str]:
    best = _best(results, one) if one.matters is Matters.YES else ""
    verdict = one.matters.value + (f", best near {best}" if best else "")
    if one.matters is Matters.UNKNOWN:
        verdict += f" with {wording.count(len(found.surface.values), 'point')}"
    trend = wording.NONE if np.isnan(one.trend) else f"{one.trend:+.2f}"
    shares = [_interval(one.alone), _interval(one.total)]
    return [_symbol(results, found.method, one.axis.key), *shares, trend, p(one.p), verdict]


def _effects(results: Results, found: MethodSurface) -> Figure:
    """A panel per hyperparameter, all on one scale."""
    influences, surface = found.surface.influences, found.surface
    wide = style.PAGE if len(influences) > 1 else style.COLUMN
    figure, panels = style.panels(wide, len(influences))
    look = looks(results, [found.method])[found.method]
    for place, (axes, one) in enumerate(zip(panels, influences, strict=True)):
        surfaces.effect(axes, one, surface.points[:, place], surface.values, look)
        axes.set_xlabel(_symbol(results, found.method, one.axis.key))
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


def _maps(results: Results, found: MethodSurface) -> Figure:
    """Means over pairs above, their standard deviations below."""
    maps, metric = found.pairs[:MOST_MAPS], results.settings.judged_by.name
    figure, (means, spreads) = style.maps(len(maps))
    limits = min(one.mean.min() for one in maps), max(one.mean.max() for one in maps)
    most = max(one.sd.max() for one in maps)
    keys = [one.axis.key for one in found.surface.influences]
    for one, above, below in zip(maps, means, spreads, strict=True):
        filled = surfaces.mean_map(above, one, limits, _top(results, one))
        spread = surfaces.spread_map(below, one, most)
        columns = keys.index(one.first.key), keys.index(one.second.key)
        for axes in (above, below):
            surfaces.design(axes, one, found.surface.points, found.lost, columns)
            axes.set_ylabel(_symbol(results, found.method, one.second.key))
        below.set_xlabel(_symbol(results, found.method, one.first.key))
    score = wording.with_unit(f"mean {wording.metric(metric)}", metric, "%")
    surfaces.bar(figure, filled, means, score, metric)
    surfaces.bar(figure, spread, spreads, wording.with_unit("standard deviation", metric, "points"), metric)
    figure.suptitle(f"{results.settings.label(found.method)}: two hyperparameters at once")
    entries = [legends.optimum_key(), *legends.point_keys(lost=len(found.lost) > 0)]
    legends.legend(figure, [], entries)
    return figure


def _top(results: Results, one: PairMap) -> tuple[int, int]:
    """The node whose mean is best."""
    best = np.argmax(results.settings.judged_by.sign * one.mean)
    first, second = np.unravel_index(best, one.mean.shape)
    return int(first), int(second)


def _shares(results: Results, told: Sequence[MethodSurface]) -> Figure:
    """A panel per method."""
    figure, panels = style.stacked([len(found.surface.influences) for found in told])
    for axes, found in zip(panels, told, strict=True):
        look = looks(results, [found.method])[found.method]
        influences = found.surface.influences
        names = [_symbol(results, found.method, one.axis.key) for one in influences]
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
        start = {"method": found.method, "first": one.first.key, "second": one.second.key}
        start |= {"interaction": one.interaction.share}
        for (i, j), mean in np.ndenumerate(one.mean):
            at = {"first_value": one.first.values[i], "second_value": one.second.values[j]}
            yield start | at | {"mean": mean, "sd": one.sd[i, j]}
