"""How methods, hyperparameters and numbers are written for people: figures, tables and findings agree."""

from collections.abc import Sequence
from typing import Any

NO_REASON = "no reason recorded"
PERCENT = "\N{NO-BREAK SPACE}%"
NONE = "\N{EN DASH}"  # an empty cell
METHODS = {
    "joint": "Joint training",
    "late_fusion": "Late fusion",
    "ogm_ge": "OGM-GE",
    "diagnose_relearn": "Diagnose & Re-learn",
    "boosting": "Boosting",
    "dr_boosting": "Boosting + D&R",
    "boosting_no_heads": "Boosting, no new heads",
    "boosting_frozen": "Boosting, frozen heads",
    "boosting_random": "Boosting, random heads",
    "boosting_tripled": "Boosting, tripled loss",
}
SYMBOLS = {
    "lam": "λ",
    "sigma": "\N{GREEK SMALL LETTER SIGMA}",
    "every": "H",
    "max_relearnings": "R",
    "lr": "learning rate",
    "tau": "τ",
}
MEANINGS = {
    "lam": "scale of the re-learning strength",
    "every": "epochs between re-learnings",
    "max_relearnings": "largest number of re-learnings",
}


def method(name: str) -> str:
    """Display name of a method."""
    if name.startswith("unimodal_"):
        return f"{plain(name.removeprefix('unimodal_')).capitalize()} alone"
    return METHODS.get(name, plain(name).capitalize())


def metric(name: str) -> str:
    """Display name of a metric."""
    return {"macro_f1": "macro-F1"}.get(name, plain(name))


def broken(text: str) -> str:
    """A name on two lines, for narrow places."""
    head, _, tail = text.rpartition(" ")
    return f"{head}\n{tail}" if head else tail


def plain(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ")


def key(name: str) -> str:
    """Short display name of a hyperparameter: its symbol where the papers use one."""
    return SYMBOLS.get(name, plain(name))


def axis(name: str) -> str:
    """Axis label of a hyperparameter: symbol and meaning."""
    return f"{key(name)}: {MEANINGS[name]}" if name in MEANINGS else key(name)


def value(setting: Any) -> str:
    """A setting as short text: 0.002, 1e-05, 3, cosine."""
    return f"{setting:.3g}" if isinstance(setting, float) else str(setting)


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with one decimal."""
    return "not available" if fraction is None else f"{100 * fraction:.1f}{PERCENT}"


def points(difference: float) -> str:
    """The size of a difference of two fractions, in percentage points."""
    size = f"{100 * abs(difference):.1f}"
    return f"{size} percentage point{'' if size == '1.0' else 's'}"


def bounds(low: float | None, high: float | None) -> str:
    """A 95 % interval of a fraction, in percent, cut to what a fraction can be."""
    if low is None or high is None:
        return "no interval from one seed"
    return f"95{PERCENT} interval {100 * max(0, low):.1f} to {100 * min(1, high):.1f}"


def signed(difference: float | None) -> str:
    """A difference of fractions in points with its sign, cut to what it can be; nothing as a dash."""
    if difference is None:
        return NONE
    rounded = round(100 * max(-1.0, min(1.0, difference)), 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def p_value(p: float) -> str:
    """A p-value with no false precision."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def count(number: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listing(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def duration(hours: float) -> str:
    """Hours in the unit that reads best."""
    if hours >= 1:
        return f"{hours:.1f} hours"
    return f"{60 * hours:.1f} minutes" if hours >= 1 / 60 else f"{3600 * hours:.0f} seconds"
