"""How methods, hyperparameters and numbers are written for people: figures, tables and findings agree."""

import textwrap
from collections.abc import Sequence
from typing import Any

NO_REASON = "no reason recorded"
SPACE = "\N{NO-BREAK SPACE}"
PERCENT = f"{SPACE}%"
NONE = "\N{EN DASH}"  # an empty cell
NARROW = 19  # characters of a line in narrow places
METHODS = {
    "joint": "Joint training",
    "late_fusion": "Late fusion",
    "ogm_ge": "OGM-GE",
    "diagnose_relearn": "Diagnose & Re-learn",
    "boosting": "Boosting",
    "dr_boosting": "Boosting + D&R",
    "boosting_no_heads": "Boosting without new heads",
    "boosting_frozen": "Boosting with frozen heads",
    "boosting_random": "Boosting with heads at random",
    "boosting_tripled": "Boosting with tripled loss",
}
CONTROLS = {  # of boosting, with what each of them does without
    "boosting_no_heads": "new heads",
    "boosting_frozen": "the training of new heads",
    "boosting_random": "the choice of the modality by its score",
    "boosting_tripled": "heads in place of a larger weight of the weak modality's loss",
}
WITHOUT_RELEARNING = {"diagnose_relearn": "joint training", "dr_boosting": "boosting"}
PLAIN_NUMBERS = ("mae", "correlation")  # metrics of a regression that are no fractions
METRICS = {
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "mae": "mean absolute error",
    "accuracy_nonzero": "accuracy without zeros",
}
BINS = "accuracy_"  # followed by the number of bins that a regression is scored in
SYMBOLS = {
    "lam": "λ",
    "sigma": "\N{GREEK SMALL LETTER SIGMA}",
    "every": "H",
    "max_relearnings": "R",
    "lr": "learning rate",
    "tau": "τ",
    "smoothing": "λ of the residual",
    "period": "t_N",
    "alpha": "\N{GREEK SMALL LETTER ALPHA}",
    "begin": "first epoch of modulation",
    "end": "last epoch of modulation",
    "max_heads": "most heads",
    "assignment": "rule of assignment",
    "residual": "form of the residual",
    "step": "order of the updates",
}
MEANINGS = {
    "lam": "scale of the re-learning strength",
    "every": "epochs between re-learnings",
    "max_relearnings": "largest number of re-learnings",
    "smoothing": "at 0 the earlier heads are ignored",
    "sigma": "ratio of scores at which the weaker modality gets a head",
    "tau": "margin on top of that ratio",
    "period": "epochs between assignments of heads",
    "max_heads": "heads a modality may have",
    "alpha": "strength of the gradient modulation",
}


def method(name: str) -> str:
    """Display name of a method."""
    if name.startswith("unimodal_"):
        return f"{plain(name.removeprefix('unimodal_')).capitalize()} alone"
    return METHODS.get(name, plain(name).capitalize())


def metric(name: str) -> str:
    """Display name of a metric."""
    if name in METRICS:
        return METRICS[name]
    return f"{name.removeprefix(BINS)}-class accuracy" if name.startswith(BINS) else plain(name)


def of_regression(name: str) -> bool:
    """Whether a metric is one that only a regression has."""
    return name in (*PLAIN_NUMBERS, "weighted_f1") or name.startswith(BINS)


def broken(text: str) -> str:
    """A name on several lines, for narrow places."""
    return textwrap.fill(text, NARROW, break_on_hyphens=False)


def plain(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ")


def key(name: str) -> str:
    """Short display name of a hyperparameter: its symbol where the papers use one."""
    if name.startswith("weight_"):
        return f"weight of {plain(name.removeprefix('weight_'))}"
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


def difference(low: float | None, high: float | None) -> str:
    """A 95 % interval of a difference of fractions, in points."""
    return f"95{PERCENT} interval {signed(low)} to {signed(high)}"


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


def ends(low: str, high: str) -> str:
    """The ends of an interval in a table, never torn apart."""
    return f"[{low},{SPACE}{high}]"


def p_value(p: float) -> str:
    """A p-value with no false precision."""
    number = f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return f"p{SPACE}<{SPACE}0.001" if p < 0.001 else f"p{SPACE}={SPACE}{number}"


def p_cell(p: float | None) -> str:
    """A p-value in a table, a dash where there is none."""
    return NONE if p is None else p_value(p).removeprefix(f"p{SPACE}").removeprefix(f"={SPACE}")


def hours(number: float) -> str:
    """Hours in a table, with no false precision."""
    return f"{number:.3f}" if number < 1 else f"{number:.1f}"


def plural(number: int, noun: str) -> str:
    """`seed` for one, `seeds` for any other number."""
    return noun if number == 1 else f"{noun}s"


def count(number: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number} {plural(number, noun)}"


def listing(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def duration(hours: float) -> str:
    """Hours in the unit that reads best."""
    if hours >= 1:
        return f"{hours:.1f} hours"
    return f"{60 * hours:.1f} minutes" if hours >= 1 / 60 else f"{3600 * hours:.0f} seconds"
