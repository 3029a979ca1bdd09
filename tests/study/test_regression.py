"""A study whose task is regression: what it asks, leaves out, and refuses."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import Synthetic

import search_spaces
from study.analysis.results import analyse
from study.analysis.selection import incumbent
from study.methods import STUDY_METHODS
from study.records.continuation import continued
from study.reporting import write_report
from study.request import StudyRequest, resolved
from study.run import main
from study.running.driver import Job, _ray_config
from study.running.forecast import describe
from study.settings import Budget, Numerics, Resources, StudySettings
from study.studies import STUDIES, Study
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.store.feature_store import FeatureStore, Quantity
from trainables.multimodal.errors import InputError

NEEDY = [
    "ogm_ge",
    "boosting",
    "dr_boosting",
    *(f"boosting_{x}" for x in ("no_heads", "frozen", "random", "tripled")),
    "agm",
    "pmr",
    "mla",
]


@pytest.fixture
def valued(toy_store, tmp_path):
    """The toy store with a number per sample."""
    source = read_source("features", toy_store.parent / "raw")
    values = np.linspace(-2, 2, len(source.ids)).astype(np.float32)
    source = replace(source, values=values, quantity=Quantity("mood", -2, 2))
    return FeatureStore.open(write_store(source, tmp_path / "valued").path)


def settings(store, study="features_dr", objective="auto", **fixed):
    request = StudyRequest(fixed={"task": "regression", **fixed}, objective=objective)
    return resolved(study, STUDIES[study], store, request)


@pytest.mark.parametrize(("loss", "said"), [({}, "l1"), ({"loss": "mse"}, "mse")])
def test_the_protocol_says_what_is_predicted_and_what_accuracy_means(valued, loss, said):
    assert settings(valued, **loss).protocol.task == (
        f"regression of mood in -2..2, {said} loss; accuracy is that of the sign, zero as positive"
    )


def test_a_regression_is_chosen_by_its_error_and_the_ledger_keeps_that(valued):
    assert settings(valued).to_json()["protocol"]["objective"] == "mae"
    assert settings(valued, objective="mae").fixed == settings(valued).fixed
    by_accuracy = settings(valued, objective="accuracy")
    assert by_accuracy.protocol.objective == ""
    assert by_accuracy.fixed["joint"] == {"task": "regression", "objective": "accuracy"}  # as version 0.2.0


@pytest.mark.parametrize(("begun", "now"), [("auto", "accuracy"), ("accuracy", "auto")])
def test_a_regression_goes_on_with_its_own_objective_only(valued, begun, now):
    before, later = (settings(valued, objective=name).to_json() for name in (begun, now))
    with pytest.raises(InputError, match=r"fixed\.joint\.objective was"):
        continued(before, later)


def test_a_search_that_could_draw_what_a_regression_refuses_ends_before_anything_is_begun(valued):
    def asked(space):
        joint = replace(STUDY_METHODS["joint"], search=search_spaces.joint.joined(space))
        study = Study("features", ("joint",), Budget(3, 2, 2), table={**STUDY_METHODS, "joint": joint})
        return resolved("own", study, valued, StudyRequest(fixed={"task": "regression"}))

    with pytest.raises(InputError, match="about classes: leave them out where task is regression"):
        asked(search_spaces.training)
    without = search_spaces.training.without("label_smoothing", "class_weights")
    assert "dropout" in asked(without).space("joint")


def test_an_old_regression_goes_on_choosing_by_accuracy(valued):
    now = settings(valued).to_json()
    old = {**now, "protocol": {k: v for k, v in now["protocol"].items() if k != "objective"}}
    assert "objective" not in continued(old, now)["protocol"]
    assert StudySettings.from_json(old).protocol.objective == ""


@pytest.mark.parametrize(("objective", "told"), [("mae", "mae"), ("", "accuracy")])
def test_every_trial_is_told_what_chooses(valued, tmp_path, objective, told):
    asked = settings(valued)
    asked = replace(asked, protocol=replace(asked.protocol, objective=objective), numerics=Numerics())
    job = Job(tmp_path, valued.path, Resources(device="cpu"), target=None)
    record = Synthetic().search("joint", 0.5, 1).records[0]
    assert _ray_config(job, asked, record)["settings"]["objective"] == told


def test_a_classification_has_no_task_to_speak_of(valued):
    plain = resolved("toy", STUDIES["features_dr"], valued, StudyRequest())
    assert "task" not in plain.to_json()["protocol"]
    assert plain.inapplicable == {}


def test_methods_that_need_classes_are_left_out_with_their_reason(valued):
    asked = settings(valued, "features_compare")
    assert asked.inapplicable == dict.fromkeys(NEEDY, "needs classes")
    expected = ["joint", "unimodal_strong", "unimodal_weak", "late_fusion"]
    expected += ["diagnose_relearn", "diagnose_relearn_matched", "uniform", "detached", "mmpareto"]
    expected += ["cggm", "gradient_blending"]
    assert list(asked.methods) == list(asked.fixed) == expected


@pytest.mark.parametrize("question", ["boosting", "dr_boosting"])
def test_a_study_of_nothing_else_is_refused(valued, question):
    with pytest.raises(InputError, match=r"boosting.* need classes, and .* compares nothing else with joint"):
        settings(valued, f"features_{question}")


def test_a_store_without_values_is_refused_with_the_data_that_can_have_them(toy_store):
    with pytest.raises(InputError, match=r"holds none: .*mosi \(from sentiment_recovered\.csv in the source"):
        settings(FeatureStore.open(toy_store))


@pytest.mark.parametrize(
    ("fixed", "said"),
    [({"task": "ranking"}, "task must be one of"), ({"loss": "l2"}, "loss must be l1 or mse")],
)
def test_a_task_or_loss_that_is_not_there_is_refused(valued, fixed, said):
    with pytest.raises(InputError, match=said):
        settings(valued, **fixed)


def test_the_task_of_a_study_that_goes_on_cannot_change(valued):
    plain = resolved("features_dr", STUDIES["features_dr"], valued, StudyRequest())
    with pytest.raises(InputError, match=r"fixed\.joint\.task was None, now 'regression'"):
        continued(plain.to_json(), settings(valued).to_json())


def test_bad_input_ends_with_exit_code_2_before_anything_is_written(valued, tmp_path, capsys):
    where = ["--data", str(valued.path), "--results", str(tmp_path / "results")]
    assert main(["features_boosting", *where, "--set", "task=regression"]) == 2
    assert "need classes" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_dry_run_measures_a_regression_and_names_what_is_left_out(valued):
    asked = replace(settings(valued, "features_compare"), resources=Resources(device="cpu"))
    assert "ogm_ge: not applicable, needs classes" in describe(asked, valued, slots=1)


@pytest.fixture
def ended(valued):
    """Settings and trials of a comparison with two methods that have come to an end."""
    trials = Synthetic(["strong", "weak"])
    asked = {**settings(valued, "features_compare").to_json(), "stages": ["search", "confirm"]}
    asked |= {"methods": ["joint", "late_fusion"], "budget": {"epochs": 12, "trials": 1, "seeds": 3}}
    for method in asked["methods"]:
        trials.search(method, 0.7, trials=1).confirm(method, 0.7)
    for record in trials.records:
        if record.stage == "confirm":
            scores = {"mae": 1 + (record.seed - 1000) / 10, "correlation": 0.5, "accuracy_5": 0.25}
            record.epochs[max(record.epochs)] |= {f"test/{name}": value for name, value in scores.items()}
    return StudySettings.from_json(asked), trials.records


@pytest.fixture
def by_error(ended):
    """The same, chosen by errors that fall with the trial's number while accuracy falls too."""
    asked, records = ended
    for record in records:
        for metrics in record.epochs.values():
            error = 1.0 - 0.1 * record.number
            metrics |= {"best/mae": error, "best/objective": -error}
    protocol = {**asked.to_json()["protocol"], "objective": "mae"}
    return StudySettings.from_json({**asked.to_json(), "protocol": protocol}), records


def test_the_configuration_with_the_smallest_error_wins(valued):
    trials = Synthetic()
    trials.search("joint", 0.7, trials=2)
    for record, error in zip(trials.records, (0.9, 0.8), strict=True):
        record.epochs[max(record.epochs)] |= {"best/objective": -error}
    assert trials.records[0].accuracy > trials.records[1].accuracy
    assert incumbent(trials.records, "joint").number == 1


@pytest.mark.usefixtures("sketched")
def test_the_report_says_that_the_error_chose_and_shows_it(by_error, tmp_path):
    written = write_report.write(tmp_path, *by_error)
    assert any("compares methods is the mean absolute error" in sentence for sentence in written.findings)
    page = written.html.read_text()
    assert "Validation mean absolute error" in page
    assert "1.000" in page


@pytest.mark.usefixtures("sketched")
def test_the_report_of_an_old_regression_shows_what_chose_then(ended, tmp_path):
    asked, records = ended
    plain = asked.to_json()
    del plain["protocol"]["objective"]
    written = write_report.write(tmp_path, StudySettings.from_json(plain), records)
    assert not any("compares methods is" in sentence for sentence in written.findings)
    assert "Validation mean absolute error" not in written.html.read_text()


@pytest.fixture
def judged_by_error(valued):
    """Joint training, D&R with errors .1 smaller on test, and a sweep in which lambda = 10 is .2 worse."""
    trials, asked = Synthetic(["strong", "weak"]), settings(valued).to_json()
    asked |= {"budget": {"epochs": 12, "trials": 6, "seeds": 5, "finalists": 0}}
    asked |= {"stages": ["search", "confirm", "sensitivity"]}
    asked |= {"sensitivity": {"diagnose_relearn": {"lam": [3.0, 10.0]}}}
    for method in asked["methods"]:
        trials.search(method, 0.7).confirm(method, 0.7, 5)
    trials.sweep("diagnose_relearn", {"lam": [10.0]}, 0.7, 5)
    for record in trials.records:
        worse = 0.2 * (record.config.get("lam") == 10.0) + 0.003 * (record.seed % 3) + 0.05 * record.number
        error = 1.0 + worse if record.stage != "confirm" else 1.0 + 0.003 * (record.seed % 4)
        if record.stage == "confirm" and record.method != "joint":
            error -= 0.1 + 0.002 * (record.seed % 3)
        for metrics in record.epochs.values():
            metrics |= {"best/mae": error, "best/objective": -error, "best/epoch": 9.0}
            if "test/accuracy" in metrics:
                metrics["test/mae"] = error
    return StudySettings.from_json(asked), trials.records


def test_the_smaller_error_is_the_better_one(judged_by_error):
    results = analyse(*judged_by_error)
    assert results.ranked("clean") == ["diagnose_relearn", "joint"]
    (comparison,) = results.comparisons
    assert comparison.test.difference.mean == pytest.approx(-0.1, abs=0.005)
    assert comparison.is_better
    assert comparison.probability_better > 0.999
    (numbers,) = results.summary["comparisons"]
    assert numbers["metric"] == "mae"
    assert numbers["probability_better"] == comparison.probability_better


@pytest.mark.usefixtures("sketched")
def test_sentences_tables_and_figures_of_errors_speak_of_no_points(judged_by_error, tmp_path):
    written = write_report.write(tmp_path, *judged_by_error)
    said = "\n".join(written.findings).replace("\N{NO-BREAK SPACE}", " ")
    assert "Diagnose & Re-learn is better than joint training: -0.102 (95 % interval" in said
    assert "Joint training reaches a mean absolute error of 1.0" in said
    assert " points" not in said
    page = written.html.read_text()
    assert "Searches: mean absolute error" in page
    assert "Test mean absolute error minus joint training" in page
    assert "Seeds for 0.010" in page
    assert "(points)" not in page


def test_a_sweep_of_errors_is_tested_on_them(judged_by_error):
    results = analyse(*judged_by_error)
    (shift,) = results.sweeps["diagnose_relearn"]["lam"].shifts
    assert shift.value == 10.0
    assert shift.test.difference.mean > 0.15
    measured = results.summary["sensitivity"]["diagnose_relearn"]["lam"]
    assert [value["mean"] > 1 for value in measured] == [True, True]


def test_it_is_complete_without_the_methods_that_are_left_out(ended):
    assert analyse(*ended).summary["complete"]


def test_the_summary_has_the_scores_of_a_regression_on_test(ended):
    summary = analyse(*ended).summary
    test = summary["methods"]["joint"]["test"]
    assert set(test) == {"accuracy", "macro_f1", "mae", "correlation", "accuracy_5"}
    assert test["mae"]["mean"] == pytest.approx(1.1)
    assert set(summary["methods"]["joint"]["validation"]) == {"accuracy", "macro_f1", "mae"}
    assert summary["protocol"]["objective"] == "mae"
    assert summary["protocol"]["task"].startswith("regression of mood")


@pytest.mark.usefixtures("sketched")
def test_the_report_shows_the_scores_and_the_methods_that_are_left_out(ended, tmp_path):
    written = write_report.write(tmp_path, *ended)
    page = written.html.read_text()
    assert page.count(">not applicable: needs classes</td>") == 2 * len(NEEDY)  # verdicts and scores
    for shown in (
        "Regression on test",
        "Test mean absolute error",
        "Correlation",
        "5-class accuracy",
        "1.100\n[0.852,",
        "25.0",
    ):
        assert shown in page
    assert any("accuracy is that of the sign" in sentence for sentence in written.findings)
    table = (tmp_path / "tables" / "methods.csv").read_text()
    assert "test_mae_mean" in table
    assert table.count("not applicable,needs classes") == len(NEEDY)
