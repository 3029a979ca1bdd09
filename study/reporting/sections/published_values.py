"""What each method reaches with its published values, beside what the search made of it."""

from collections.abc import Iterable, Mapping

import pandas as pd

from study.analysis.comparisons import Comparison, as_numbers
from study.analysis.results import Results
from study.analysis.selection import on_test, on_validation
from study.analysis.summary import Measure, by_seed, fold_of, measure
from study.reporting import cells, wording
from study.reporting.comparison_wording import is_clear, tests, verdict
from study.reporting.section import Section, Table

NOTE = (
    "Published values, periods scaled to the number of epochs, at the learning rate of the method's best "
    "configuration: a learning rate that was made for other data says nothing about a method. Runs that "
    "failed to train are left out."
)


class PublishedValues(Section):
    """Methods that have published values beside a learning rate."""

    name = "published_values"
    title = "Published values"

    def findings(self, results: Results) -> Iterable[str]:
        """What is clear of them against the baseline, and whose search ended at them."""
        label, base = results.settings.label, wording.inside(results.settings.label(results.baseline))
        tuned = [comparison for comparison in results.published if _is_tuned(results, comparison)]
        for comparison in () if results.saturated else results.published:
            if is_clear(comparison) and comparison not in tuned:
                yield verdict(comparison, f"{label(comparison.method)} with its published values", base)
        if tuned:
            names = wording.listing([label(comparison.method) for comparison in tuned])
            yield f"The search ended at the published values of {names}."

    def tables(self, results: Results) -> Iterable[Table]:
        """A row per method."""
        base = wording.inside(results.settings.label(results.baseline))
        metric = results.settings.judged_by.name
        score = wording.with_unit(wording.capitalised(wording.metric(metric)), metric, "%")
        change = wording.with_unit(f"Minus {base}", metric, "points")
        tuned = wording.with_unit("Tuned", metric, "%")
        heads = ["Method", "Published values", score, change, "Adjusted p", "P(better)", tuned]
        rows = [_row(results, comparison) for comparison in results.published]
        split = results.split(results.protocols[0])
        title = f"Published values on {split}, mean with 95 % interval"
        return [Table(f"{title}; {tests(len(rows))}", heads, rows, NOTE)]

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """Comparisons with all digits."""
        return {
            "published_values": pd.DataFrame([as_numbers(comparison) for comparison in results.published])
        }


def _is_tuned(results: Results, comparison: Comparison) -> bool:
    """Whether the search ended at the published values."""
    runs = results.chosen.published(comparison.method)
    return runs == results.chosen.confirmed(comparison.method, comparison.protocol)


def _row(results: Results, comparison: Comparison) -> list[str]:
    settings, notation = results.settings, results.settings.method(comparison.method).search.notation
    values = [
        wording.setting(wording.symbol(key, notation), value)
        for key, value in settings.defaults(comparison.method).items()
        if key != "lr"
    ]
    published, tuned = _score(results, comparison), results.judged(comparison.protocol, comparison.method)
    numbers = cells.score(published, comparison.score.name), *cells.tested(comparison)
    return [
        settings.label(comparison.method),
        ", ".join(values),
        *numbers,
        cells.score(tuned, comparison.score.name),
    ]


def _score(results: Results, comparison: Comparison) -> Measure:
    runs = results.chosen.published_trained(comparison.method)
    values = by_seed(runs, on_test if comparison.split == "test" else on_validation, comparison.score.name)
    return measure(values, comparison.score.name, fold_of(runs))
