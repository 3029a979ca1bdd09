"""What a surface says of each hyperparameter, in words."""

from collections.abc import Iterable, Sequence

import numpy as np

from study.analysis.surface import LEAST_POINTS, Estimate, Influence, Matters, PairMap
from study.analysis.surfaces import MethodSurface
from study.reporting import cells, wording
from study.settings import StudySettings

R2 = "cross-validated R\N{SUPERSCRIPT TWO}"


def verdicts(settings: StudySettings, found: MethodSurface) -> Iterable[str]:
    """A sentence for each that matters, one for those that do not, one for those that are open."""
    label, surface = settings.label(found.method), found.surface
    if not surface.explains:
        yield f"{label}: {_unexplained(found)}"
    by_verdict = {verdict: [i for i in surface.influences if i.matters is verdict] for verdict in Matters}
    yield from (f"{label}: {_mattering(settings, found, one)}" for one in by_verdict[Matters.YES])
    symbols = {
        verdict: wording.listing([symbol(settings, found.method, one.axis.key) for one in each])
        for verdict, each in by_verdict.items()
        if each
    }
    points = wording.count(len(surface.values), "point")
    if Matters.NO in symbols:
        yield f"{label}: over the searched range {symbols[Matters.NO]} {_does_not(by_verdict[Matters.NO])}."
    if Matters.UNKNOWN in symbols and surface.explains:
        yield f"{label}: whether {symbols[Matters.UNKNOWN]} matters is not decidable with {points}."


def advice(settings: StudySettings, found: MethodSurface) -> dict[str, str]:
    """`λ near 3` of each hyperparameter that matters, by key; the symbol alone where nothing says which."""
    mattering = [one for one in found.surface.influences if one.matters is Matters.YES]
    return {
        one.axis.key: " near ".join(
            filter(None, [symbol(settings, found.method, one.axis.key), best(settings, one)])
        )
        for one in mattering
    }


def seen_shares(settings: StudySettings, told: Iterable[MethodSurface]) -> str:
    """Shares with interactions, by method."""
    lines = []
    for found in told:
        shares = {
            symbol(settings, found.method, one.axis.key): interval(one.total)
            for one in found.surface.influences
        }
        lines.append(f"{settings.label(found.method)}: {wording.readings(shares)}.")
    return " ".join(["Shares with interactions, in percent.", *lines])


def seen_effects(settings: StudySettings, found: MethodSurface) -> str:
    """How far each mean effect moves the score, and where it is best."""
    moved = {
        symbol(settings, found.method, one.axis.key): (
            f"{wording.size(float(np.ptp(one.effect.mean)), settings.judged_by.name)}, best near "
            f"{best(settings, one)}"
        )
        for one in found.surface.influences
        if one.effect is not None
    }
    return f"Mean score moves by: {wording.readings(moved)}."


def seen_maps(settings: StudySettings, found: MethodSurface, maps: Iterable[PairMap]) -> str:
    """Where each map is best."""
    tops = []
    for one in maps:
        places = zip((one.first, one.second), top(settings, one), strict=True)
        at = [
            wording.setting(symbol(settings, found.method, axis.key), axis.values[node])
            for axis, node in places
        ]
        tops.append(" and ".join(at))
    return f"Best mean scores at {'; '.join(tops)}."


def top(settings: StudySettings, one: PairMap) -> tuple[int, int]:
    """The node of a map whose mean is best."""
    highest = np.argmax(settings.judged_by.sign * one.mean)
    first, second = np.unravel_index(highest, one.mean.shape)
    return int(first), int(second)


def basis(settings: StudySettings, found: MethodSurface) -> str:
    """What a table rests on."""
    surface = found.surface
    parts = [wording.count(len(surface.values), "point"), f"up to {wording.count(found.seeds, 'seed')} each"]
    if surface.r2 is not None:
        parts.append(f"{R2} {surface.r2:.2f}")
    if surface.floor is not None:
        parts.append(f"a dummy is given up to {100 * surface.floor:.1f}{wording.PERCENT}")
    text = f"{settings.label(found.method)}: {', '.join(parts)}."
    if len(found.lost):
        lost = wording.count(len(found.lost), "point")
        text += f" The runs of {lost} diverged or failed; the surface is without them."
    return text


def best(settings: StudySettings, one: Influence) -> str:
    """The value at which the mean over all others is best."""
    if one.effect is None:
        return ""
    place = int(np.argmax(settings.judged_by.sign * one.effect.mean))
    return wording.value(one.axis.values[place])


def interval(one: Estimate | None) -> str:
    """A share with its interval, in percent."""
    return wording.NONE if one is None else f"{_percent(one.share)} {_ends(one)}"


def symbol(settings: StudySettings, method: str, key: str) -> str:
    """Short display name of a method's hyperparameter."""
    return wording.symbol(key, settings.method(method).search.notation)


def _mattering(settings: StudySettings, found: MethodSurface, one: Influence) -> str:
    name = symbol(settings, found.method, one.axis.key)
    if one.total is None or one.effect is None:
        return f"{name} matters: {_trend(one)} ({wording.p_value(one.p)}, Holm-adjusted)."
    moved = wording.size(float(np.ptp(one.effect.mean)), settings.judged_by.name)
    share = f"{_percent(one.total.share)}{wording.PERCENT} of the variance over the searched range"
    return (
        f"{name} matters ({share}, {_ends(one.total)}): its mean score differs by {moved}, best near "
        f"{best(settings, one)}{_partner(settings, found, one)}."
    )


def _trend(one: Influence) -> str:
    if one.axis.categories:
        return "the score differs between its values"
    return f"the score {'rises' if one.trend > 0 else 'falls'} with it"


def _does_not(influences: Sequence[Influence]) -> str:
    return "does not matter" if len(influences) == 1 else "do not matter"


def _partner(settings: StudySettings, found: MethodSurface, one: Influence) -> str:
    """The hyperparameter that it interacts with most, where that is more than noise."""
    with_it = [m for m in found.surface.maps if one.axis in (m.first, m.second) and m.interaction.above]
    if not with_it:
        return ""
    largest = with_it[0]
    other = largest.second if largest.first == one.axis else largest.first
    return f", but it depends on {symbol(settings, found.method, other.key)}"


def _unexplained(found: MethodSurface) -> str:
    count = len(found.surface.values)
    if found.surface.r2 is None:
        few = f"{wording.count(count, 'point')} of the surface, or their scores do not differ"
        return f"too few points ({LEAST_POINTS} are needed) or none to tell apart: {few}."
    return (
        f"the surface of {wording.count(count, 'point')} explains nothing ({R2} {found.surface.r2:.2f}), so "
        "shares of the variance and maps are left out."
    )


def _ends(one: Estimate) -> str:
    return cells.ends(_percent(one.low), _percent(one.high))


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
