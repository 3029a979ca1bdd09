"""What stands in the tables of the HTML page: cells with words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.comparisons import Comparison
from study.analysis.method_status import Standing
from study.analysis.results import Analysis
from study.analysis.selection import METRICS, incumbent
from study.analysis.summary import FIVE, SPLITS, five, without
from study.reporting import wording
from study.reporting.rows import Row, sweep_rows_of
from study.reporting.sections.published import WARNING, published

SCORES = [(split, name) for split in SPLITS for name in METRICS]
NAMES = {"clean": "clean", "paper": "paper (published split, best epoch chosen on test)"}


@dataclass(frozen=True)
class Table:
    """A table of the page: a title, column heads and rows of text; the last cell of a short row is wide."""

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
            "results": [
                *(_results(analysis, protocol) for protocol in analysis.protocols),
                *(_further(analysis, protocol) for protocol in analysis.protocols),
                *(_without(analysis, protocol) for protocol in analysis.protocols),
                _controls(analysis),
                _protocols(analysis),
            ],
            "sensitivity": _sweeps(analysis),
            "search": [_incumbents(analysis)],
            "trials": [_stages(summary), _reasons(analysis), _costs(summary)],
        },
        "published": _published(analysis),
        "warning": WARNING,
        "mlflow": {name: value for name, value in summary["mlflow"].items() if value},
    }


def _facts(data: Mapping[str, Any], summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    modalities = data.get("modalities", {})
    shapes = modalities if isinstance(modalities, Mapping) else dict.fromkeys(modalities)
    each = [" ".join([name, _shape(shape)]).strip() for name, shape in shapes.items()]
    classes = data.get("classes") or []
    facts = {
        "Data": data.get("name"),
        "Samples": data.get("samples"),
        "Classes": classes if isinstance(classes, int) else wording.listing([str(c) for c in classes]),
        "Modalities": wording.listing(each),
        "Digest": str(data.get("digest") or "")[:16],
        "Task": summary["protocol"].get("task"),
        "Protocol": summary["protocol"]["name"],
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def _shape(shape: Sequence[int] | None) -> str:
    return "\N{MULTIPLICATION SIGN}".join(str(size) for size in shape or ())


def _results(analysis: Analysis, protocol: str) -> Table:
    """All methods of one protocol, the best first, with what became of those without a number."""
    split, unit = analysis.split(protocol), _unit(analysis)
    found = analysis.standing(protocol)
    base = wording.method(analysis.baseline).lower()
    heads = ["Method", "Seeds", *(f"{unit.upper()}-hours {stage}" for stage in found[0].costs)]
    heads += [f"{s.capitalize()} {wording.metric(m)}" for s, m in SCORES]
    heads += [f"{split.capitalize()} accuracy minus {base}", "Holm-adjusted p"]
    title = (
        f"Methods, {NAMES[protocol]} protocol: mean over fresh seeds with 95 % t-interval, in percent; "
        f"paired t-tests, Holm-adjusted over {wording.count(len(analysis.methods) - 1, 'comparison')}"
    )
    return Table(title, heads, [row for one in found for row in _result(analysis, one, unit)])


def _result(analysis: Analysis, one: Standing, unit: str) -> list[list[str]]:
    """The row of a method, or what it has come to; below it the runs that its means leave out."""
    name = wording.method(one.method) + (" (baseline)" if one.method == analysis.baseline else "")
    start = [name, _seeds(one), *(wording.hours(cost[f"{unit}_hours"]) for cost in one.costs.values())]
    if not one.seeds:
        return [[*start, ": ".join(part for part in (one.status, one.reason) if part)]]
    results = analysis.results(one.protocol)[one.method]
    tested = _tested(analysis.against_baseline(one.protocol, one.method))
    cells = [_score(results[s].get(m), m) for s, m in SCORES]
    row = [*start, *cells, *tested]
    return [row, ["", f"left out: {one.reason}"]] if one.reason else [row]


def _seeds(one: Standing) -> str:
    return str(one.seeds) if one.seeds >= one.asked else f"{one.seeds} of {one.asked}"


def _unit(analysis: Analysis) -> str:
    """GPU where trials held one: its hours are what is scarce."""
    return "gpu" if analysis.summary["cost"]["gpu_hours"] else "cpu"


def _score(found: Mapping[str, Any] | None, metric: str) -> str:
    """A metric of a method: a fraction in percent, any other number as it is, a dash where there is none."""
    if found is None or found["mean"] is None:
        return wording.NONE
    if metric not in wording.PLAIN_NUMBERS:
        return _cell(found)
    low, high = found["low"], found["high"]
    ends = [] if low is None else [wording.ends(f"{low:.3f}", f"{high:.3f}")]
    return "\n".join([f"{found['mean']:.3f}", *ends])


def _cell(found: Mapping[str, Any], between: str = "\n") -> str:
    """A mean in percent and its interval, below it or beside it."""
    if found["mean"] is None:
        return wording.NONE
    low, high = found["low"], found["high"]
    ends = [] if low is None else [wording.ends(f"{100 * max(0, low):.1f}", f"{100 * min(1, high):.1f}")]
    return between.join([f"{100 * found['mean']:.1f}", *ends])


def _further(analysis: Analysis, protocol: str) -> Table:
    """What a regression is judged by beside the accuracy of the sign."""
    names = [name for _, name in analysis.columns(protocol) if name not in METRICS]
    rows = [
        [wording.method(method), *(_score(found["test"].get(name), name) for name in names)]
        for method, found in analysis.results(protocol).items()
        if names
    ]
    plain = wording.listing([wording.metric(name) for name in names if name in wording.PLAIN_NUMBERS])
    title = f"Regression on test, {NAMES[protocol]} protocol: in percent, but {plain} as they are"
    return Table(title, ["Method", *(wording.metric(name).capitalize() for name in names)], rows)


def _without(analysis: Analysis, protocol: str) -> Table:
    """What is left of each method's test accuracy where a modality is missing."""
    found = {m: without(analysis.records, m, protocol) for m in analysis.ranked(protocol)}
    names = list(dict.fromkeys(name for measures in found.values() for name in measures))
    rows = [
        [
            wording.method(method),
            _cell(analysis.results(protocol)[method]["test"]["accuracy"]),
            *(_cell(measures[name]) if name in measures else wording.NONE for name in names),
        ]
        for method, measures in found.items()
        if measures
    ]
    heads = ["Method", "All modalities", *(f"Without {wording.plain(name)}" for name in names)]
    return Table(
        f"Test accuracy with a modality missing, {NAMES[protocol]} protocol, in percent", heads, rows
    )


def _controls(analysis: Analysis) -> Table:
    rows = [
        [
            wording.method(one.baseline),
            NAMES[one.protocol],
            one.split,
            str(one.test.difference.n),
            *_tested(one),
        ]
        for one in analysis.controls
    ]
    heads = ["Control", "Protocol", "Split", "Shared seeds", "Boosting minus control", "Holm-adjusted p"]
    return Table("Boosting against its controls: paired t-tests on the same seeds", heads, rows)


def _tested(one: Comparison | None) -> list[str]:
    """Difference with its interval, and adjusted p."""
    if one is None:
        return [wording.NONE] * 2
    found = one.test.difference
    ends = [] if found.low is None else [wording.ends(wording.signed(found.low), wording.signed(found.high))]
    return ["\n".join([wording.signed(found.mean), *ends]), wording.p_cell(one.adjusted)]


def _protocols(analysis: Analysis) -> Table:
    rows = [
        [NAMES[protocol], *(str(value) for value in five(analysis.settings, protocol).values())]
        for protocol in analysis.protocols
    ]
    title = "What every number above rests on"
    return Table(title, ["Protocol", *(name.capitalize() for name in FIVE)], rows)


def _sweeps(analysis: Analysis) -> list[Table]:
    heads = [
        "Value",
        "Validation accuracy, %",
        "Seeds",
        "Against the incumbent, points",
        "Holm-adjusted p",
        "",
    ]
    return [
        Table(
            f"{wording.method(method)}: {wording.axis(key)}",
            heads,
            [_sweep_cells(row) for row in sweep_rows_of(analysis, method, key)],
        )
        for method, swept in analysis.sweeps.items()
        for key in swept
    ]


def _sweep_cells(row: Row) -> list[str]:
    notes = ["incumbent"] if row["incumbent"] else []
    notes += [f"{wording.count(row['lost'], 'run')} diverged or failed"] if row["lost"] else []
    moved = wording.signed(row["difference"])
    p = wording.p_cell(row["p_holm"])
    return [wording.value(row["value"]), _cell(row, " "), str(row["seeds"]), moved, p, ", ".join(notes)]


def _incumbents(analysis: Analysis) -> Table:
    rows = []
    for method in analysis.sweeps:
        best = incumbent(analysis.records, method)
        if best is not None:
            settings = ", ".join(f"{wording.key(k)} = {wording.value(v)}" for k, v in best.config.items())
            rows.append([wording.method(method), str(best.number), wording.percent(best.value), settings])
    return Table("Best configurations", ["Method", "Trial", "Validation accuracy", "Configuration"], rows)


def _stages(summary: Mapping[str, Any]) -> Table:
    rows = [
        [stage, *(str(counts[name]) for name in _COUNTS), wording.duration(counts["seconds"] / 3600)]
        for stage, counts in summary["stages"].items()
    ]
    return Table(
        "Trials by stage", ["Stage", *(name.capitalize() for name in _COUNTS), "Training time"], rows
    )


_COUNTS = ("trials", "completed", "pruned", "diverged", "failed")


def _reasons(analysis: Analysis) -> Table:
    """Why trials ended early, equal reasons counted together."""
    early = [r for r in analysis.records if r.status in ("pruned", "diverged", "failed")]
    found = Counter(
        (r.stage, wording.method(r.method), r.status, r.reason or wording.NO_REASON) for r in early
    )
    rows = [[*key, str(number)] for key, number in sorted(found.items())]
    return Table("Trials that ended early", ["Stage", "Method", "Ending", "Reason", "Trials"], rows)


def _costs(summary: Mapping[str, Any]) -> Table:
    hours = summary["cost"]
    row = [f"{hours['cpu_hours']:.3f}", f"{hours['gpu_hours']:.3f}"]
    return Table("Cost of all numbers in this report", ["CPU-hours", "GPU-hours"], [row])


def _published(analysis: Analysis) -> Table:
    data = analysis.summary["data"]
    found = published(data["name"], is_sample=bool(data["is_sample"]))
    rows = [[wording.method(one.method), one.accuracy, one.source] for one in found]
    return Table("Published accuracies", ["Method", "Accuracy", "Source"], rows)
