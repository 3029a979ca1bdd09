"""A study of several labels per sample: what it asks, leaves out, refuses and shows."""

import re
from dataclasses import replace

import numpy as np
import pytest
from synthetic import Synthetic

from study.analysis.results import analyse
from study.analysis.selection import on_test, on_validation
from study.records.continuation import continued
from study.reporting import write_report
from study.reporting.sections.regression import RegressionScores
from study.request import StudyRequest, resolved
from study.run import main
from study.settings import StudySettings
from study.studies import STUDIES
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.tasks import PRECISION


@pytest.fixture
def several(toy_store, tmp_path):
    """The toy store with labels x, y and z, of which every class has others."""
    source = read_source("features", toy_store.parent / "raw")
    sets = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0]], np.bool_)
    source = replace(source, labels=sets[source.labels], classes=("x", "y", "z"))
    return FeatureStore.open(write_store(source, tmp_path / "several").path)


def settings(store, study="features_dr", objective="auto", **fixed):
    request = StudyRequest(fixed={"task": "multilabel", **fixed}, objective=objective)
    return resolved(study, STUDIES[study], store, request)


def test_the_protocol_says_what_is_predicted_and_the_ledger_what_chooses(several):
    asked = settings(several)
    assert asked.protocol.task.startswith("multilabel: which of 3 labels a sample has, binary cross-entropy")
    assert (asked.protocol.kind, asked.judged_by.name, asked.judged_by.sign) == ("multilabel", PRECISION, 1)
    assert asked.to_json()["protocol"]["objective"] == PRECISION
    assert StudySettings.from_json(asked.to_json()) == asked
    assert settings(several, objective="macro_f1").judged_by.name == "macro_f1"


def test_a_study_goes_on_with_its_own_objective_only(several):
    with pytest.raises(InputError, match=r"fixed\.joint\.objective was None, now 'loss'"):
        continued(settings(several).to_json(), settings(several, objective="loss").to_json())


def test_methods_that_need_classes_are_left_out_with_their_reason(several):
    asked = settings(several, "features_compare")
    assert set(asked.inapplicable.values()) == {"needs classes"}
    assert {"ogm_ge", "boosting", "agm", "pmr", "mla"} <= asked.inapplicable.keys()
    assert {"diagnose_relearn", "late_fusion", "mmpareto", "gradient_blending"} <= {*asked.methods}


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        ([], "holds several labels per sample: set task to multilabel, not classification"),
        (["--set", "task=regression"], "predicts a number per sample, and .* holds none"),
        (["--set", "task=multilabel", "--set", "class_weights=balanced"], "about classes: leave them out"),
        (["--set", "task=multilabel", "--objective", "accuracy"], "must be one of mean_average_precision"),
    ],
)
def test_what_does_not_fit_ends_before_anything_is_written(several, tmp_path, capsys, fixed, said):
    where = ["--data", str(several.path), "--results", str(tmp_path / "results")]
    assert main(["features_dr", *where, *fixed]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert not (tmp_path / "results").exists()


@pytest.fixture
def ended(several):
    """Settings and trials of two methods, of which joint training is right more often and less precise."""
    trials = Synthetic(["strong", "weak"])
    asked = {**settings(several, "features_compare").to_json(), "stages": ["search", "confirm"]}
    asked |= {"methods": ["joint", "late_fusion"], "budget": {"epochs": 12, "trials": 1, "seeds": 3}}
    for method, accuracy in (("joint", 0.8), ("late_fusion", 0.7)):
        trials.search(method, accuracy, trials=1).confirm(method, accuracy)
    for record in trials.records:
        precision = (0.5 if record.method == "joint" else 0.6) + 0.01 * (record.seed % 3)
        for metrics in record.epochs.values():
            metrics |= {f"best/{PRECISION}": precision, "best/objective": precision}
            if "test/accuracy" in metrics:
                metrics[f"test/{PRECISION}"] = precision
    return StudySettings.from_json(asked), trials.records


def test_the_more_precise_method_is_the_better_one(ended):
    results = analyse(*ended)
    assert results.chosen.metrics == (PRECISION, "macro_f1")
    assert results.ranked("clean") == ["late_fusion", "joint"]
    run = results.chosen.confirmed("joint", "clean")[0]
    assert on_test(run)[PRECISION] == on_validation(run)[PRECISION] == pytest.approx(0.5, abs=0.021)
    assert results.summary["methods"]["joint"]["collapsed"] == []


@pytest.mark.usefixtures("sketched")
def test_the_report_speaks_of_precision_and_of_no_regression(ended, tmp_path):
    assert RegressionScores().tables(analyse(*ended)) == []
    written = write_report.write(tmp_path, *ended)
    assert any("compares methods is the mean average precision" in line for line in written.findings)
    assert any("accuracy is that of all decisions" in line for line in written.findings)
    page = written.html.read_text()
    assert "Mean average precision" in page
    assert "not applicable: needs classes" in page
