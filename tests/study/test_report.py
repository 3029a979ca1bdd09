import json
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text
from toy_study import TOY

from study import api, report
from study.records.ledger import Ledger
from study.records.trial_record import Ending, Proposal
from study.settings import Budget

SETTINGS = replace(
    TOY,
    study="features_dr-votes",
    methods=("joint",),
    data=replace(TOY.data, name="votes", classes=("a", "b")),
    budget=Budget(epochs=2, trials=1, seeds=1),
)


@pytest.fixture
def results(tmp_path):
    """A results folder with one finished study of one trial."""
    folder = tmp_path / "features_dr-votes"
    folder.mkdir()
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", folder.name)
    ledger.save_settings(SETTINGS)
    ledger.add("search", "joint", "key", Proposal({"lr": 0.1, "epochs": 2}, seed=0))
    ledger.set_ending("key", Ending("completed", 2, None, 1.0))
    for epoch in (1, 2):
        ledger.add_epoch("key", epoch, {"epoch": epoch, "best/accuracy": 0.2 * epoch, "seconds": 1.0})
    ledger.tell("key")
    ledger.close()
    return tmp_path


def test_a_report_is_made_from_the_ledger_alone(results, capsys) -> None:
    assert report.main(["features_dr-votes", "--results", str(results)]) == 0
    summary = json.loads((results / "features_dr-votes" / "summary.json").read_text())
    assert summary["methods"]["joint"]["config"] == {"lr": 0.1, "epochs": 2}
    assert "report.html" in capsys.readouterr().out


def test_making_a_report_again_changes_nothing_in_it(results) -> None:
    folder = results / "features_dr-votes"
    first = api.report(folder)
    before = {
        path: path.read_bytes() for path in folder.rglob("*.*") if path.suffix in (".csv", ".json", ".html")
    }
    api.report(folder)
    assert first.summary["complete"]
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ravdess_dr"], "no study ravdess_dr"),
        (["features_dr-votes", "--sample"], "no study features_dr-votes-sample"),
        (["../elsewhere"], "is not the name of a study"),
        ([], "required"),
        (["features_dr-votes", "--nonsense"], "unrecognized"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(results, capsys, arguments, sentence) -> None:
    assert report.main([*arguments, "--results", str(results)]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1


def test_an_unknown_study_leaves_no_folder_behind(results) -> None:
    report.main(["ravdess_dr", "--results", str(results)])
    assert [path.name for path in results.iterdir()] == ["features_dr-votes"]


def test_the_studies_that_are_there_are_named(results, capsys) -> None:
    report.main(["ravdess_dr", "--results", str(results)])
    assert "features_dr-votes" in capsys.readouterr().err


def test_a_ledger_elsewhere_is_read_by_its_url(results, tmp_path) -> None:
    ledger = results / "features_dr-votes" / "ledger.db"
    elsewhere = tmp_path / "elsewhere.db"
    with create_engine(f"sqlite:///{ledger}").connect() as connection:
        connection.execute(text(f"VACUUM INTO '{elsewhere}'"))
    other = tmp_path / "other"
    assert (
        report.main(["features_dr-votes", "--results", str(other), "--storage", f"sqlite:///{elsewhere}"])
        == 0
    )
    assert (other / "features_dr-votes" / "summary.json").is_file()
