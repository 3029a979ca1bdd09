"""How names and numbers are written for people: figures, tables and findings agree."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces.space import Notation
from study.analysis.metric_names import BINS, PLAIN_NUMBERS
from study.settings import DataFacts
from trainables.multimodal.flat_settings import WEIGHT
from trainables.multimodal.tasks import ACCURACY, LOSS

NO_REASON = "no reason recorded"
SPACE = "\N{NO-BREAK SPACE}"
PERCENT = f"{SPACE}%"
NONE = "\N{EN DASH}"  # an empty cell
NARROW = 19  # characters of a line in narrow places
METRIC_LABELS = {
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "mae": "mean absolute error",
    "accuracy_nonzero": "accuracy without zeros",
    LOSS: "cross-entropy",
}
UNITS = {LOSS: "nats"}
"""Of numbers that are no fractions, where they have one."""


def metric(name: str) -> str:
    """Display name of a metric."""
    if name in METRIC_LABELS:
        return METRIC_LABELS[name]
    return f"{name.removeprefix(BINS)}-class accuracy" if name.startswith(BINS) else plain(name)


def capitalised(text: str) -> str:
    """The text with a capital first letter, all others as they are: `Macro-F1`; a symbol first: as it is."""
    is_symbol = re.match(r"[^a-zA-Z]|\w(_| =)", text)
    return text if is_symbol else text[:1].upper() + text[1:]


def broken(text: str) -> str:
    """A name on several lines, for narrow places."""
    return textwrap.fill(text, NARROW, break_on_hyphens=False)


def plain(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ")


def data(facts: DataFacts) -> str:
    """What a study runs on: the name of its data, which a sample only stands for."""
    return f"a generated sample in place of {facts.name}" if facts.is_sample else facts.name


def inside(label: str) -> str:
    """A label in the middle of a sentence: `joint training`, but `OGM-GE`."""
    return label[:1].lower() + label[1:] if label[1:].islower() else label


def symbol(key: str, notation: Notation) -> str:
    """Short display name of a hyperparameter: its symbol where the method's papers use one."""
    if key.startswith(WEIGHT):
        return f"weight of {plain(key.removeprefix(WEIGHT))}"
    return notation[key][0] if key in notation else plain(key)


def axis(key: str, notation: Notation) -> str:
    """Axis label of a hyperparameter: symbol and meaning."""
    meaning = notation[key][1] if key in notation else ""
    return ": ".join(filter(None, [symbol(key, notation), meaning]))


def value(setting: Any) -> str:
    """A setting as short text: 0.002, 1e-05, 3, cosine."""
    return f"{setting:.3g}" if isinstance(setting, float) else str(setting)


def setting(symbol: str, setting: Any) -> str:
    """`λ = 3`, never torn apart."""
    return f"{symbol}{SPACE}={SPACE}{value(setting)}"


def number(value: float, metric: str) -> str:
    """A value or size of a metric without its unit: a fraction in percent, any other number as it is."""
    return f"{value:.3f}" if metric in PLAIN_NUMBERS else f"{100 * value:.1f}"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with one decimal."""
    return score(fraction, ACCURACY)


def score(value: float | None, metric: str) -> str:
    """A metric with its unit."""
    shown = unit(metric) if metric in PLAIN_NUMBERS else PERCENT
    return "not available" if value is None else f"{number(value, metric)}{shown}"


def bounds(low: float | None, high: float | None, metric: str) -> str:
    """A 95 % interval of a metric."""
    if low is None or high is None:
        return "no interval"
    return f"95{PERCENT} interval {number(low, metric)} to {number(high, metric)}"


def difference(low: float | None, high: float | None, metric: str) -> str:
    """A 95 % interval of a difference."""
    return f"95{PERCENT} interval {signed(low, metric)} to {signed(high, metric)}"


def change(difference: float | None, metric: str) -> str:
    """A difference with its sign and unit."""
    return signed(difference, metric) + unit(metric)


def unit(metric: str) -> str:
    """What follows the number of a difference."""
    if metric in PLAIN_NUMBERS:
        return f" {UNITS[metric]}" if metric in UNITS else ""
    return " points"


def size(difference: float, metric: str) -> str:
    """How large a difference is, with its unit."""
    shown = number(abs(difference), metric)
    if metric in PLAIN_NUMBERS:
        return f"{shown}{unit(metric)}"
    return f"{shown} percentage point{'' if shown == '1.0' else 's'}"


def signed(difference: float | None, metric: str = ACCURACY) -> str:
    """A difference with its sign, that of fractions in points and within what it can be; a dash for none."""
    if difference is None:
        return NONE
    possible = difference if metric in PLAIN_NUMBERS else max(-1.0, min(1.0, difference))
    shown = number(abs(possible), metric)
    if not float(shown):
        return shown
    return f"-{shown}" if possible < 0 else f"+{shown}"


def with_unit(label: str, metric: str, unit: str) -> str:
    """The label of an axis or the head of a column, with its unit; `unit` is what fractions have there."""
    shown = UNITS.get(metric, "") if metric in PLAIN_NUMBERS else unit
    return f"{label} ({shown})" if shown else label


def p_value(p: float) -> str:
    """A p-value with no false precision."""
    number = f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return f"p{SPACE}<{SPACE}0.001" if p < 0.001 else f"p{SPACE}={SPACE}{number}"


def plural(number: int, noun: str) -> str:
    """`seed` for one, `seeds` for any other number."""
    return noun if number == 1 else f"{noun}s"


def count(number: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number} {plural(number, noun)}"


def listing(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def readings(values: Mapping[str, str]) -> str:
    """`joint training 60.1 %, OGM-GE 62.0 %`."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def duration(hours: float) -> str:
    """Hours in the unit that reads best."""
    if hours >= 1:
        return f"{hours:.1f} hours"
    return f"{60 * hours:.1f} minutes" if hours >= 1 / 60 else f"{3600 * hours:.0f} seconds"


def seeds(numbers: Sequence[int]) -> str:
    """`seed 3`, `seeds 3 and 5`."""
    return f"{plural(len(numbers), 'seed')} {listing([str(number) for number in numbers])}"
