"""A study that another score than accuracy decides: what it asks, how it ranks, and what it shows."""

import io
import math
from dataclasses import replace

import pytest
from report_reading import cards, drawn, findings, tables
from rich.console import Console
from synthetic_studies import study_settings, whole_study
from toy_study import EPOCHS, stage_run

from study.analysis.results import analyse, is_saturated
from study.analysis.selection import incumbent, on_test, on_validation
from study.analysis.summary import five
from study.records.continuation import continued
from study.reporting.sections.caveats import Caveats
from study.reporting.sections.ceilings import Ceilings
from study.reporting.sections.paper_tables import PaperTables
from study.reporting.sections.regression import RegressionScores
from study.reporting.sections.results import MethodResults
from study.reporting.sections.search import Search
from study.reporting.sections.training import Training
from study.reporting.sections.verdict import Verdict
from study.run import main
from study.running.progress import Outlook, Progress
from study.settings import Budget, StudySettings
from study.studies import STUDIES, Study
from trainables.multimodal.errors import InputError
from trainables.multimodal.tasks import objective_of

STUDY = STUDIES["features_dr"]


@pytest.fixture
def settings(resolved_on_toys):
    """Settings of a study on the toy store."""
    return lambda study=STUDY, **asked: resolved_on_toys(study, **asked)


def plain(settings):
    """Settings as the ledger keeps them, without what is drawn at random."""
    return {key: value for key, value in settings.to_json().items() if key != "id"}


# -- what is asked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "sign"), [("macro_f1", 1), ("loss", -1)])
def test_the_objective_is_a_setting_of_every_trial_and_of_the_protocol(settings, name, sign):
    asked = settings(objective=name)
    assert (asked.judged_by.name, asked.judged_by.sign) == (name, sign)
    assert asked.protocol.objective == name
    assert asked.config("joint", {"lr": 0.1})["objective"] == name
    assert StudySettings.from_json(asked.to_json()) == asked


def test_accuracy_by_name_is_the_default_and_the_ledger_does_not_mention_it(settings):
    assert plain(settings(objective="accuracy")) == plain(settings())
    assert "objective" not in str(plain(settings()))


def test_a_study_of_ones_own_may_have_an_objective_that_a_request_replaces(settings):
    own = Study("features", ("joint",), Budget(2, 1, 1), base={"objective": "loss"})
    assert settings(own).judged_by.name == settings(own, objective="loss").judged_by.name == "loss"
    for name in ("macro_f1", "accuracy"):
        assert settings(own, objective=name).judged_by.name == name
        assert settings(own, objective=name).config("joint", {})["objective"] == name


@pytest.mark.parametrize(("before", "now"), [(None, "macro_f1"), ("loss", None), ("loss", "macro_f1")])
def test_a_study_goes_on_with_its_own_objective_only(settings, before, now):
    begun, asked = (settings(**({"objective": name} if name else {})) for name in (before, now))
    with pytest.raises(InputError, match=f"protocol.objective was {before!r}, now {now!r}"):
        continued(begun.to_json(), asked.to_json())
    assert continued(begun.to_json(), begun.to_json())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--objective", "f2"], "objective must be one of accuracy, macro_f1, loss where task is classif"),
        (["--objective", "mae"], "objective must be one of accuracy, macro_f1, loss where task is classif"),
        (
            ["--objective", "loss", "--set", "task=regression"],
            "one of mae, accuracy where task is regression",
        ),
        (["--set", "objective=loss"], "--set objective is refused: use --objective instead"),
        (["--sweep", "objective=loss,accuracy"], "--sweep objective is refused: use --objective instead"),
    ],
)
def test_an_objective_that_makes_no_sense_ends_before_anything_is_written(
    toy_store, tmp_path, capsys, asked, said
):
    results = tmp_path / "results"
    assert main(["features_dr", "--data", str(toy_store), "--results", str(results), *asked]) == 2
    assert said in capsys.readouterr().err
    assert not results.exists()


# -- what it decides ---------------------------------------------------------------------------------------


def reported(name, accuracy, score):
    """What an epoch reports of its best, where the score of this name selects."""
    chosen_by = objective_of("classification", name)
    found = {"best/accuracy": accuracy, f"best/{name}": score}
    return found if name == "accuracy" else found | {"best/objective": chosen_by.of({name: score})}


@pytest.mark.parametrize(
    ("name", "scores", "decisions"),
    [
        ("accuracy", (0.5, 0.6, 0.4), ["CONTINUE", "CONTINUE", "STOP"]),
        ("macro_f1", (0.5, 0.4, 0.6), ["CONTINUE", "STOP", "CONTINUE"]),
        ("loss", (0.5, 0.6, 0.4), ["CONTINUE", "STOP", "CONTINUE"]),
    ],
)
def test_asha_stops_what_is_worse_by_the_objective(open_toy, name, scores, decisions):
    run = stage_run(open_toy(), ("joint",), count=3)
    trials = [f"ray{number}" for number in range(3)]
    for trial in trials:
        run.next(trial)
    heard = [
        run.result(trial, {"epoch": 1, "metrics": reported(name, *pair)})
        for trial, pair in zip(trials, zip((0.5, 0.6, 0.4), scores, strict=True), strict=True)
    ]
    assert heard == decisions
    learnt = [trial.intermediate_values[1] for trial in run.ledger.frozen("search", "joint")]
    assert learnt == [objective_of("classification", name).of({name: score}) for score in scores]


def judge(records, name, score):
    """Let trials have been judged by another score: `score` gives it from an accuracy."""
    for record in records:
        for metrics in record.epochs.values():
            for part in ("validation", "best", "test"):
                if f"{part}/accuracy" in metrics:
                    metrics[f"{part}/{name}"] = score(metrics[f"{part}/accuracy"])
            metrics |= reported(name, metrics["best/accuracy"], metrics[f"best/{name}"])
    return records


def judged_study(name, searched, confirmed):
    """A finished study with this objective, a function of accuracy in its search and in its other stages."""
    records = whole_study().records
    judge([record for record in records if record.stage == "search"], name, searched)
    judge([record for record in records if record.stage != "search"], name, confirmed)
    return study_settings(protocol={"objective": name}), records


@pytest.fixture
def by_loss():
    """A study whose losses on fresh seeds are the larger, the larger the accuracies."""
    return judged_study("loss", lambda accuracy: 1 - accuracy, math.exp)


@pytest.fixture
def by_f1():
    """A study whose macro-F1 on fresh seeds is the smaller, the larger the accuracies."""
    return judged_study("macro_f1", lambda accuracy: accuracy / 2, lambda accuracy: 1 - accuracy)


@pytest.mark.parametrize(("name", "score"), [("macro_f1", lambda accuracy: 1 - accuracy), ("loss", math.exp)])
def test_the_configuration_that_is_best_by_the_objective_wins(name, score):
    trials = judge(whole_study().search("ogm_ge", 0.7).records, name, score)
    completed = [r for r in trials if (r.stage, r.method, r.status) == ("search", "ogm_ge", "completed")]
    assert incumbent(trials, "ogm_ge").accuracy == min(trial.accuracy for trial in completed)


def test_the_method_with_the_lower_loss_is_the_better_one(by_loss):
    results = analyse(*by_loss)
    means = [results.judged("clean", method)["mean"] for method in results.ranked("clean")]
    assert means == sorted(means)
    assert results.ranked("clean") == ["joint", "diagnose_relearn"]  # of which D&R is the more accurate
    (comparison,) = results.comparisons
    assert comparison.test.difference.mean > 0
    assert not comparison.is_better


@pytest.mark.parametrize("study", ["by_loss", "by_f1"])
def test_a_summary_has_the_objective_and_accuracy_beside_it(study, request):
    asked, records = request.getfixturevalue(study)
    summary = analyse(asked, records).summary
    assert summary["protocol"]["objective"] == asked.judged_by.name
    for split in ("validation", "test"):
        names = set(summary["methods"]["joint"][split])
        assert names == {"accuracy", "macro_f1", asked.judged_by.name}
    assert {compared["metric"] for compared in summary["comparisons"]} == {asked.judged_by.name}
    assert five(asked, "clean")["selection"] == f"best validation epoch by {asked.judged_by.name}"


def test_a_loss_that_chose_nothing_is_no_result(module_study):
    record = next(r for r in module_study[1] if r.stage == "confirm")
    last = record.epochs[max(record.epochs)] | {"test/loss": 0.5, "validation/loss": 0.5}
    record = replace(record, epochs={**record.epochs, max(record.epochs): last})
    for protocol in ("clean", "paper"):
        assert "loss" not in on_validation(replace(record, protocol=protocol))
    assert set(on_test(record)) == {"accuracy", "macro_f1"}


@pytest.mark.parametrize(("name", "saturated"), [("macro_f1", True), ("loss", False), ("accuracy", True)])
def test_a_fraction_above_99_percent_is_saturated_and_a_loss_never(synthetic, name, saturated):
    trial = synthetic().add("search", "joint", 0.6)
    trial.epochs[max(trial.epochs)] |= {"best/epoch": 9.0, **reported(name, 0.995, 0.995)}
    assert is_saturated(trial, name) == saturated


# -- what is shown -----------------------------------------------------------------------------------------


def test_a_report_says_what_decided(by_loss, by_f1, module_study):
    assert any("what chooses epochs and configurations" in told for told in cards(Caveats(), *by_f1))
    assert (
        "Smaller is better: what chooses epochs and configurations and compares methods is the "
        in (cards(Caveats(), *by_loss)[0])
    )
    assert not cards(Caveats(), *module_study)


def test_sentences_are_in_the_unit_of_the_objective(by_loss, by_f1):
    by_its_loss, by_its_f1 = "\n".join(findings(*by_loss)), "\n".join(findings(*by_f1))
    assert "Joint training reaches a cross-entropy of 1." in by_its_loss
    assert " nats (95 % interval" in by_its_loss
    assert " points" not in by_its_loss.split("Contributions")[0]
    assert "Joint training reaches a macro-F1 of " in by_its_f1
    assert " points (95 % interval" in by_its_f1


def test_tables_have_the_objective_first_and_accuracy_beside_it(by_loss, by_f1):
    for study, name, unit in ((by_loss, "cross-entropy", "nats"), (by_f1, "macro-F1", "points")):
        heads = tables(MethodResults(), *study)[0].heads
        assert heads.index(f"Test {name}") + 1 == heads.index("Test accuracy")
        assert f"Test {name} minus joint training" in heads
        (opening,) = tables(Verdict(), *study)
        assert opening.title.startswith(f"{name[:1].upper()}{name[1:]} on test")
        assert f"Minus joint training ({unit})" in opening.heads
        assert any(f"Validation {name}" in table.heads for table in tables(Search(), *study))
        paper = PaperTables().papers(analyse(*study))["methods_clean"]
        assert f"Difference ({unit})" in paper.heads
        assert f"best validation epoch by {study[0].judged_by.name}" in paper.note
        assert tables(RegressionScores(), *study) == []


def test_curves_are_of_the_objective_in_its_direction(by_loss):
    figure = drawn(Training(), *by_loss)["loss"]
    assert "cross-entropy may rise in the epoch that follows" in figure.caption
    assert figure.figure.axes[0].get_ylabel() == "validation cross-entropy (nats)"


def test_what_is_possible_stands_beside_accuracies(by_loss):
    worth = {"audio": 0.75, "visual": 0.5, "together": 0.9}
    asked = study_settings(protocol={"objective": "loss"}, data={"ceilings": worth})
    (table,) = tables(Ceilings(), asked, by_loss[1])
    assert all(float(row[3].split("\n")[0]) < 90 for row in table.rows[1:])


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    ("name", "status", "shown"),
    [
        ("loss", "completed", "loss 0.7000"),
        ("macro_f1", "completed", "macro_f1 0.7000"),
        ("loss", "diverged", "loss unknown"),
    ],
)
def test_a_terminal_names_the_objective_as_people_read_it(synthetic, name, status, shown, terminal):
    record = synthetic().add("search", "joint", 0.6, status=status)
    record.epochs[EPOCHS] |= reported(name, 0.6, 0.7)
    record = replace(record, epochs={EPOCHS: record.epochs[EPOCHS]})
    console = Console(file=io.StringIO(), width=100, force_terminal=terminal, color_system=None)
    outlook = Outlook(judged_by=objective_of("classification", name))
    with Progress(console, "toy", outlook) as progress:
        progress.wanted["search", "joint"] = 1
        progress.changed(record)
    assert shown in console.file.getvalue()
