"""Views of a study in MLflow's UI: which runs its table shows, in which columns, sorted by what.

MLflow keeps a view as a tag of the experiment and opens it for an address that names it. Names of columns,
sorting and charts are those that the page of MLflow 3.17 reads.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from study.records.trial_record import BEST_ACCURACY
from study.settings import StudySettings

TAG: Final = "mlflow.sharedViewState."
"""Followed by the key of a view."""
DESCRIPTION: Final = "mlflow.note.content"
"""Tag of an experiment or a run that its page shows as Markdown."""
RUNS: Final = "#/experiments/{experiment}/runs?workflowType=machine_learning"
"""Path of an experiment's runs; MLflow by itself opens on pages for language models."""
IDENTITY: Final = ("stage", "method", "seed")
"""Columns of every trial, before its hyperparameters."""
NAME: Final = "attributes.`Run Name`"
WIDTHS: Final = {NAME: 260, "params.`method`": 130, "params.`stage`": 85, "params.`seed`": 65}
"""Of columns, in pixels; others keep theirs."""
SECTION: Final = "Study"
"""Charts that are drawn first."""


def views(settings: StudySettings) -> dict[str, dict[str, Any]]:
    """Key -> what MLflow keeps of a view: all trials, the best first, and confirmed runs by method."""
    key = _key(settings)
    return {
        key: _kept(f"{settings.study}: trials", _trials(settings)),
        f"{key}-methods": _kept(f"{settings.study}: methods", _methods(settings)),
    }


def tag_value(view: Mapping[str, Any], milliseconds: int) -> str:
    """A view as MLflow's tag holds it; the page unpacks its state."""
    return json.dumps({**view, "createdAt": milliseconds, "updatedAt": milliseconds})


def view_name(key: str, tag: str) -> str:
    """What a view is called; one that a user has shared from an older MLflow has no name."""
    name: str = json.loads(tag).get("name", key) if tag.startswith("{") else key
    return name


def trials_page(experiment: str, settings: StudySettings) -> str:
    """Path of the table of a study's trials in MLflow's UI."""
    return view_page(experiment, _key(settings))


def methods_page(experiment: str, settings: StudySettings) -> str:
    """Path of the study's confirmed runs, grouped by method."""
    return view_page(experiment, f"{_key(settings)}-methods")


def introduction(experiment: str, settings: StudySettings) -> str:
    """What the description of an experiment says of a study in it: where its trials are."""
    trials, methods = trials_page(experiment, settings), methods_page(experiment, settings)
    return f"{settings.study}: [all trials, the best first]({trials}), [confirmed runs by method]({methods})"


def view_page(experiment: str, key: str) -> str:
    """Path of a view in MLflow's UI."""
    return RUNS.format(experiment=experiment) + f"&viewStateShareKey={quote(key, safe='')}"


def plain_page(experiment: str) -> str:
    """Path of an experiment's runs, where no view of them is kept."""
    return RUNS.format(experiment=experiment)


def _key(settings: StudySettings) -> str:
    """Name of the study's views in addresses: two studies of one name may share an experiment."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '-', settings.study)}-{settings.id[:8]}"


def _kept(name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return {"name": name, "state": f"deflate;{packed}"}


def _trials(settings: StudySettings) -> dict[str, Any]:
    """All trials, the best first; charts of their epochs, and of what every method's values lead to."""
    best = settings.judged_by.best
    own = [_hyperparameters(settings, [method]) for method in settings.methods]
    columns = [*IDENTITY, *_hyperparameters(settings, settings.methods)]
    table = _table(settings, "tags.stage != ''", list(dict.fromkeys([best, BEST_ACCURACY])), columns)
    epochs = f"validation/{settings.judged_by.name}"
    charts = [_chart("LINE", epochs, metricKey=epochs, selectedMetricKeys=[epochs])]
    for keys in dict.fromkeys(tuple(keys) for keys in own if len(keys) > 1):
        axes = {"selectedParams": keys, "selectedMetrics": [best], "showAllRuns": True}
        charts.append(_chart("PARALLEL", ", ".join(keys), **axes))
    return table | _drawn(charts)


def _methods(settings: StudySettings) -> dict[str, Any]:
    """Confirmed runs in a group for each method, whose cells are means, and one by one in the chart."""
    score = f"test/{settings.judged_by.name}"
    other = "test/macro_f1" if score == "test/accuracy" else "test/accuracy"
    table = _table(settings, "tags.stage = 'confirm'", [score, other], IDENTITY[1:])
    grouped = {"aggregateFunction": "average", "groupByKeys": [{"mode": "param", "groupByData": "method"}]}
    axes = {"xaxis": {"key": "method", "type": "PARAM"}, "yaxis": {"key": score, "type": "METRIC"}}
    return {
        **table,
        **_drawn([_chart("SCATTER", f"{score} of every run", **axes)]),
        "groupBy": grouped,
        "useGroupedValuesInCharts": False,
        "runsHiddenMode": "SHOW_ALL",
    }


def _table(
    settings: StudySettings, runs: str, metrics: Sequence[str], params: Sequence[str]
) -> dict[str, Any]:
    """The state of a table of the study's `runs`, sorted by the first of `metrics`, the best first."""
    columns = [f"metrics.`{name}`" for name in metrics] + [f"params.`{name}`" for name in params]
    columns.append("tags.`status`")
    return {
        "searchFilter": f"tags.`study.id` = '{settings.id}' AND {runs}",
        "orderByKey": columns[0],
        "orderByAsc": settings.judged_by.sign < 0,
        "selectedColumns": columns,
        "columnOrder": [NAME, *columns],  # else by the alphabet
        "columnWidths": WIDTHS,
    }


def _chart(kind: str, name: str, **shows: Any) -> dict[str, Any]:
    """A chart of the first section; the page adds one of every other metric below."""
    place = {"type": kind, "uuid": name, "metricSectionId": SECTION, "displayName": name}
    return place | {"deleted": False, "isGenerated": False, "runsCountToCompare": 100, **shows}


def _drawn(charts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The state of charts in a section before all others, whose order the page would change by itself."""
    section = {"uuid": SECTION, "name": SECTION, "display": True, "isReordered": True}
    return {"compareRunCharts": charts, "compareRunSections": [section], "isAccordionReordered": True}


def _hyperparameters(settings: StudySettings, methods: Sequence[str]) -> list[str]:
    """What these methods search or sweep: own hyperparameters before the learning rate."""
    keys = [key for method in methods for key in (*settings.space(method), *settings.sweeps.get(method, {}))]
    return sorted(dict.fromkeys(keys), key=lambda key: key == "lr")
