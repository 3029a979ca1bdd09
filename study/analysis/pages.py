"""What stands in the tables: rows for the csv files, and cells with words for the HTML page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis import words
from study.analysis.figures import shown
from study.analysis.published import WARNING, published
from study.analysis.sensitivity import Point, Shift, incumbent, shifts
from study.analysis.statistics import Interval
from study.analysis.summary import FIVE, METRICS, Analysis, Measure, five, protocols

Row = dict[str, Any]
NAMES = {"clean": "clean", "paper": "paper (published split, best epoch chosen on test)"}


@dataclass(frozen=True)
class Table:
    """A table of the page: a title, column heads and rows of text."""

    title: str
    heads: list[str]
    rows: list[list[str]]


def page(analysis: Analysis) -> dict[str, Any]:
    """Everything the template shows besides findings and figures."""
    summary, data = analysis.summary, analysis.settings.get("data", {})
    return {
        "study": summary["study"],
        "complete": summary["complete"],
        "is_sample": bool(summary["data"]["is_sample"]),
        "facts": _facts(data, summary),
        "tables": {
            "results": [_results(analysis), _comparisons(analysis), _protocols(analysis)],
            "sensitivity": _sweeps(analysis),
            "search": [_incumbents(analysis)],
            "trials": [_stages(summary), _reasons(analysis), _costs(summary)],
        },
        "published": _published(analysis),
        "warning": WARNING,
        "mlflow": {name: value for name, value in summary["mlflow"].items() if value},
    }


def result_rows(analysis: Analysis) -> list[Row]:
    """Every result with its interval and all five things without which it means nothing."""
    return [
        {"protocol": protocol, "method": method, "split": split, "metric": metric}
        | {"mean": found["mean"], "low": found["low"], "high": found["high"], "seeds": len(found["seeds"])}
        | {
            "split_policy" if name == "split" else name: v
            for name, v in five(analysis.settings, protocol).items()
        }
        for protocol in protocols(analysis.settings)
        for method, results in shown(analysis, protocol).items()
        for split in ("validation", "test")
        for metric in METRICS
        if (found := results[split][metric])["seeds"]
    ]


def comparison_rows(analysis: Analysis) -> list[Row]:
    """Paired comparisons with the baseline."""
    return [
        {"protocol": one.protocol, "split": one.split, "method": one.method, "baseline": one.baseline}
        | {
            "difference": one.test.difference.mean,
            "low": one.test.difference.low,
            "high": one.test.difference.high,
        }
        | {"seeds": one.test.difference.n, "p": one.test.p, "p_holm": one.adjusted}
        for one in analysis.comparisons
    ]


def sweep_rows(analysis: Analysis) -> list[Row]:
    """Every point of every sweep with its paired difference to the incumbent."""
    return [
        row
        for method, swept in analysis.sweeps.items()
        for key in swept
        for row in _sweep_rows(analysis, method, key)
    ]


def _sweep_rows(analysis: Analysis, method: str, key: str) -> list[Row]:
    best = incumbent(analysis.records, method)
    chosen = None if best is None else best.config.get(key)
    points = analysis.sweeps[method][key]
    moved = {shift.value: shift for shift in shifts(points, chosen)}
    start = {"method": method, "key": key}
    return [
        start | {"incumbent": point.value == chosen} | _point_row(point, moved.get(point.value))
        for point in points
    ]


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


def _facts(data: Mapping[str, Any], summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    modalities = data.get("modalities", {})
    shapes = modalities if isinstance(modalities, Mapping) else dict.fromkeys(modalities)
    each = [" ".join([name, _shape(shape)]).strip() for name, shape in shapes.items()]
    classes = data.get("classes") or []
    facts = {
        "Data": data.get("name"),
        "Samples": data.get("samples"),
        "Classes": classes if isinstance(classes, int) else words.listing([str(c) for c in classes]),
        "Modalities": words.listing(each),
        "Digest": str(data.get("digest") or "")[:16],
        "Protocol": summary["protocol"]["name"],
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def _shape(shape: Sequence[int] | None) -> str:
    return "\N{MULTIPLICATION SIGN}".join(str(size) for size in shape or ())


def _results(analysis: Analysis) -> Table:
    rows = [
        [words.method(method), NAMES[protocol], _seeds(results), *(_cell(results[s][m]) for s, m in _COLUMNS)]
        for protocol in protocols(analysis.settings)
        for method, results in shown(analysis, protocol).items()
    ]
    heads = ["Method", "Protocol", "Seeds", *(f"{s.capitalize()} {words.metric(m)}" for s, m in _COLUMNS)]
    return Table("Mean over fresh seeds with 95 % t-interval, in percent", heads, rows)


_COLUMNS = [(split, metric) for split in ("test", "validation") for metric in METRICS]


def _seeds(results: Mapping[str, Mapping[str, Measure]]) -> str:
    return str(max(len(results[split][metric]["seeds"]) for split, metric in _COLUMNS))


def _cell(found: Measure) -> str:
    if found["mean"] is None:
        return words.NONE
    if found["low"] is None:
        return f"{100 * found['mean']:.1f}"
    return f"{100 * found['mean']:.1f} [{100 * max(0, found['low']):.1f}, {100 * min(1, found['high']):.1f}]"


def _comparisons(analysis: Analysis) -> Table:
    rows = [
        [
            f"{words.method(one.method)} minus {words.method(one.baseline).lower()}",
            NAMES[one.protocol],
            one.split,
            str(one.test.difference.n),
            _signed(one.test.difference),
            words.NONE if one.test.p is None else words.p_value(one.test.p),
            words.NONE if one.adjusted is None else words.p_value(one.adjusted),
        ]
        for one in analysis.comparisons
    ]
    heads = ["Difference in accuracy", "Protocol", "Split", "Shared seeds", "Points [95 % interval]"]
    return Table("Paired comparison on the same seeds", [*heads, "Paired t-test", "Holm-adjusted"], rows)


def _signed(difference: Interval) -> str:
    if difference.low is None:
        return words.signed(difference.mean)
    return (
        f"{words.signed(difference.mean)} [{words.signed(difference.low)}, {words.signed(difference.high)}]"
    )


def _protocols(analysis: Analysis) -> Table:
    rows = [
        [NAMES[protocol], *(str(value) for value in five(analysis.settings, protocol).values())]
        for protocol in protocols(analysis.settings)
    ]
    title = "What every number above rests on"
    return Table(title, ["Protocol", *(name.capitalize() for name in FIVE)], rows)


def _sweeps(analysis: Analysis) -> list[Table]:
    heads = ["Value", "Validation accuracy, %", "Seeds", "Against the incumbent, points", "Holm-adjusted", ""]
    return [
        Table(
            f"{words.method(method)}: {words.axis(key)}",
            heads,
            [_sweep_cells(row) for row in _sweep_rows(analysis, method, key)],
        )
        for method, swept in analysis.sweeps.items()
        for key in swept
    ]


def _sweep_cells(row: Row) -> list[str]:
    notes = ["incumbent"] if row["incumbent"] else []
    notes += [f"{words.count(row['lost'], 'run')} diverged or failed"] if row["lost"] else []
    moved = words.signed(row["difference"])
    p = words.NONE if row["p_holm"] is None else words.p_value(row["p_holm"])
    return [words.value(row["value"]), _cell(row), str(row["seeds"]), moved, p, ", ".join(notes)]


def _incumbents(analysis: Analysis) -> Table:
    rows = []
    for method in analysis.sweeps:
        best = incumbent(analysis.records, method)
        if best is not None:
            settings = ", ".join(f"{words.key(k)} = {words.value(v)}" for k, v in best.config.items())
            rows.append([words.method(method), str(best.number), words.percent(best.value), settings])
    return Table("Best configurations", ["Method", "Trial", "Validation accuracy", "Configuration"], rows)


def _stages(summary: Mapping[str, Any]) -> Table:
    rows = [
        [stage, *(str(counts[name]) for name in _COUNTS), words.duration(counts["seconds"] / 3600)]
        for stage, counts in summary["stages"].items()
    ]
    return Table(
        "Trials by stage", ["Stage", *(name.capitalize() for name in _COUNTS), "Training time"], rows
    )


_COUNTS = ("trials", "completed", "pruned", "diverged", "failed")


def _reasons(analysis: Analysis) -> Table:
    """Why trials ended early, equal reasons counted together."""
    early = [r for r in analysis.records if r.status in ("pruned", "diverged", "failed")]
    found = Counter((r.stage, words.method(r.method), r.status, r.reason or words.NO_REASON) for r in early)
    rows = [[*key, str(number)] for key, number in sorted(found.items())]
    return Table("Trials that ended early", ["Stage", "Method", "Ending", "Reason", "Trials"], rows)


def _costs(summary: Mapping[str, Any]) -> Table:
    hours = summary["cost"]
    row = [f"{hours['cpu_hours']:.3f}", f"{hours['gpu_hours']:.3f}"]
    return Table("Cost of all numbers in this report", ["CPU-hours", "GPU-hours"], [row])


def _published(analysis: Analysis) -> Table:
    data = analysis.summary["data"]
    found = published(data["name"], is_sample=bool(data["is_sample"]))
    rows = [[words.method(one.method), one.accuracy, one.source] for one in found]
    return Table("Published accuracies", ["Method", "Accuracy", "Source"], rows)
