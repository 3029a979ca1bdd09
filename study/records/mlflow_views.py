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

from study.records.trial_record import BEST_ACCURACY, BEST_OBJECTIVE
from study.settings import StudySettings

TAG: Final = "mlflow.sharedViewState."
"""Followed by the key of a view."""
DESCRIPTION: Final = "mlflow.note.content"
"""Tag of an experiment or a run that its page shows as Markdown."""
RUNS: Final = "#/experiments/{experiment}/runs?"
"""Path of an experiment's runs; MLflow by itself opens on a page for language models."""
IDENTITY: Final = ("stage", "method", "seed")
"""Columns of every trial, before its hyperparameters."""


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
    return RUNS.format(experiment=experiment) + f"viewStateShareKey={quote(key, safe='')}"


def plain_page(experiment: str) -> str:
    """Path of an experiment's runs, where no view of them is kept."""
    return RUNS.format(experiment=experiment) + "workflowType=machine_learning"


def _key(settings: StudySettings) -> str:
    """Name of the study's views in addresses: two studies of one name may share an experiment."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '-', settings.study)}-{settings.id[:8]}"


def _kept(name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return {"name": name, "state": f"deflate;{packed}"}


def _trials(settings: StudySettings) -> dict[str, Any]:
    best = BEST_OBJECTIVE if settings.protocol.objective else BEST_ACCURACY
    metrics = list(dict.fromkeys([best, BEST_ACCURACY]))
    params = [*IDENTITY, *_hyperparameters(settings)]
    return _table(settings, "tags.stage != ''", metrics, params) | _charts(best, params[len(IDENTITY) :])


def _methods(settings: StudySettings) -> dict[str, Any]:
    """Confirmed runs in groups, whose cells are means, and their test accuracy one by one as spread."""
    accuracy = "test/accuracy"
    table = _table(settings, "tags.stage = 'confirm'", [accuracy, "test/macro_f1"], ["method", "seed"])
    grouped = {"aggregateFunction": "average", "groupByKeys": [{"mode": "param", "groupByData": "method"}]}
    return table | {"groupBy": grouped, "orderByKey": f"metrics.`{accuracy}`"}


def _table(
    settings: StudySettings, runs: str, metrics: Sequence[str], params: Sequence[str]
) -> dict[str, Any]:
    """The state of a table of the study's `runs`, sorted by the first of `metrics`, the largest first."""
    columns = [f"params.`{name}`" for name in params] + [f"metrics.`{name}`" for name in metrics]
    return {
        "searchFilter": f"tags.`study.id` = '{settings.id}' AND {runs}",
        "orderByKey": f"metrics.`{metrics[0]}`",
        "orderByAsc": False,
        "selectedColumns": [*columns, "tags.`status`"],
    }


def _hyperparameters(settings: StudySettings) -> list[str]:
    """What any method of the study searches or sweeps: own hyperparameters before the learning rate."""
    searched = [key for method in settings.methods for key in settings.space(method)]
    swept = [key for sweep in settings.sweeps.values() for key in sweep]
    return sorted(dict.fromkeys([*searched, *swept]), key=lambda key: key == "lr")


def _charts(best: str, params: Sequence[str]) -> dict[str, Any]:
    return {}
