"""Views as MLflow's page reads them."""

import base64
import json
import zlib

import pytest
from synthetic_studies import study_settings

from study.records.mlflow_views import tag_value, trials_page, view_name, views

METHODS = ("joint", "diagnose_relearn")
SETTINGS = study_settings(study="a study", id="0123456789", methods=METHODS, fixed={m: {} for m in METHODS})


def state(key):
    """What the page unpacks of a view."""
    kept = json.loads(tag_value(views(SETTINGS)[key], 5))
    assert (kept["createdAt"], kept["updatedAt"]) == (5, 5)
    packed = base64.b64decode(kept["state"].removeprefix("deflate;"), validate=True)
    return json.loads(zlib.decompress(packed))


def test_the_table_holds_all_trials_of_the_study_and_what_sets_them_apart():
    shown = state("a-study-01234567")
    assert shown["searchFilter"] == "tags.`study.id` = '0123456789' AND tags.stage != ''"
    assert (shown["orderByKey"], shown["orderByAsc"]) == ("metrics.`best/accuracy`", False)
    params = [column for column in shown["selectedColumns"] if column.startswith("params")]
    names = ["stage", "method", "seed", "lam", "every", "max_relearnings", "lr"]
    assert params == [f"params.`{name}`" for name in names]
    assert shown["columnOrder"][1:] == shown["selectedColumns"]


@pytest.mark.parametrize(
    ("protocol", "score", "rises"),
    [
        ({"task": "sentiment", "objective": "mae"}, "mae", True),
        ({"objective": "loss"}, "loss", True),
        ({"objective": "macro_f1"}, "macro_f1", False),
    ],
)
def test_both_tables_have_the_best_by_the_objective_first(protocol, score, rises):
    judged = study_settings(methods=METHODS, fixed={m: {} for m in METHODS}, protocol=protocol)
    for split, view in zip(("best", "test"), views(judged).values(), strict=True):
        packed = view["state"].removeprefix("deflate;")
        shown = json.loads(zlib.decompress(base64.b64decode(packed)))
        assert (shown["orderByKey"], shown["orderByAsc"]) == (f"metrics.`{split}/{score}`", rises)
        assert shown["selectedColumns"][1] == f"metrics.`{split}/accuracy`"


def test_methods_are_groups_of_confirmed_runs():
    shown = state("a-study-01234567-methods")
    assert shown["groupBy"]["groupByKeys"] == [{"mode": "param", "groupByData": "method"}]
    assert shown["searchFilter"].endswith("tags.stage = 'confirm'")


def test_the_address_names_the_view():
    page = "#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=a-study-01234567"
    assert trials_page("7", SETTINGS) == page


def test_views_of_users_are_named_where_they_have_a_name():
    assert view_name("k", '{"name": "Mine"}') == "Mine"
    assert view_name("k", '{"searchFilter": ""}') == "k"
    assert view_name("k", "deflate;eJw=") == "k"
