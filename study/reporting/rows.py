"""The rows of the csv files that are more than the trials themselves."""

from typing import Any

from study.analysis.comparisons import Comparison
from study.analysis.method_status import Standing
from study.analysis.results import Analysis
from study.analysis.selection import incumbent
from study.analysis.summary import five
from study.analysis.sweeps import Point, Shift, shifts

Row = dict[str, Any]


def result_rows(analysis: Analysis) -> list[Row]:
    """Every method: how far it came, its results, its difference to the baseline, its cost; best first."""
    return [
        {"protocol": one.protocol, "method": one.method, "is_baseline": one.method == analysis.baseline}
        | {"status": one.status, "reason": one.reason, "seeds": one.seeds, "seeds_asked": one.asked}
        | _measures(analysis, one)
        | _difference(analysis.against_baseline(one.protocol, one.method))
        | {f"{name}_{stage}": hours for stage, cost in one.costs.items() for name, hours in cost.items()}
        | {"split_policy" if k == "split" else k: v for k, v in five(analysis.settings, one.protocol).items()}
        for protocol in analysis.protocols
        for one in analysis.standing(protocol)
    ]


def comparison_rows(analysis: Analysis) -> list[Row]:
    """Paired comparisons with the baseline, then of boosting with its controls."""
    return [
        {"protocol": one.protocol, "split": one.split, "method": one.method, "baseline": one.baseline}
        | _difference(one)
        | {"seeds": one.test.difference.n, "holm_over": one.family}
        for one in (*analysis.comparisons, *analysis.controls)
    ]


def sweep_rows(analysis: Analysis) -> list[Row]:
    """Every point of every sweep with its paired difference to the incumbent."""
    return [
        row
        for method, swept in analysis.sweeps.items()
        for key in swept
        for row in sweep_rows_of(analysis, method, key)
    ]


def sweep_rows_of(analysis: Analysis, method: str, key: str) -> list[Row]:
    """Every point of one sweep."""
    best = incumbent(analysis.records, method)
    chosen = None if best is None else best.config.get(key)
    points = analysis.sweeps[method][key]
    moved = {shift.value: shift for shift in shifts(points, chosen)}
    start = {"method": method, "key": key}
    return [
        start | {"incumbent": point.value == chosen} | _point_row(point, moved.get(point.value))
        for point in points
    ]


def _measures(analysis: Analysis, one: Standing) -> Row:
    results = analysis.results(one.protocol).get(one.method, {})
    return {
        f"{split}_{metric}_{end}": results.get(split, {}).get(metric, {}).get(end)
        for split, metric in analysis.columns(one.protocol)
        for end in ("mean", "low", "high")
    }


def _difference(one: Comparison | None) -> Row:
    found = one and one.test.difference
    return {
        "difference": found and found.mean,
        "difference_low": found and found.low,
        "difference_high": found and found.high,
        "p": one and one.test.p,
        "p_holm": one and one.adjusted,
    }


def _point_row(point: Point, shift: Shift | None) -> Row:
    return {
        "value": point.value,
        "mean": point.interval.mean,
        "low": point.interval.low,
        "high": point.interval.high,
        "seeds": len(point.seeds),
        "lost": len(point.lost),
        "difference": shift and shift.test.difference.mean,
        "p_holm": shift and shift.adjusted,
    }
