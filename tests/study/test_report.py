import json
import re
import shlex
import shutil
from dataclasses import replace
from html import unescape

import pytest
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
    write_ledger(f"sqlite:///{folder / 'ledger.db'}")
    return tmp_path


def write_ledger(url):
    """Write the ledger of that study."""
    ledger = Ledger(url, SETTINGS.study)
    ledger.save_settings(SETTINGS)
    ledger.add("search", "joint", "key", Proposal({"lr": 0.1, "epochs": 2}, seed=0))
    ledger.set_ending("key", Ending("completed", 2, None, 1.0))
    for epoch in (1, 2):
        ledger.add_epoch("key", epoch, {"epoch": epoch, "best/accuracy": 0.2 * epoch, "seconds": 1.0})
    ledger.tell("key")
    ledger.close()


def test_a_report_is_made_from_the_ledger_alone(results, capsys) -> None:
    assert report.main(["features_dr-votes", "--results", str(results)]) == 0
    summary = json.loads((results / "features_dr-votes" / "summary.json").read_text())
    assert summary["methods"]["joint"]["config"] == {"lr": 0.1, "epochs": 2}
    assert "report.html" in capsys.readouterr().out


def commands(html):
    """What a page says to type, as a shell takes it apart."""
    said = re.findall(r"<code>(python -m study\.report.*?)</code>", html.read_text(), re.DOTALL)
    return [shlex.split(unescape(one))[3:] for one in said]


@pytest.mark.usefixtures("sketched")
def test_the_foot_of_a_report_names_the_command_that_makes_it_again(results) -> None:
    (arguments,) = commands(api.report(results / "features_dr-votes").html)
    assert report.main([*arguments, "--results", str(results)]) == 0


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


@pytest.fixture
def two_studies(results):
    """The results folder with a second study, which has an id and data of its own."""
    folder = results / "features_dr-faces"
    shutil.copytree(results / "features_dr-votes", folder)
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", "features_dr-votes")
    ledger.save_settings(replace(SETTINGS, id="2", data=replace(SETTINGS.data, name="faces", digest="2")))
    ledger.close()
    return results


def test_several_studies_stand_on_one_page(two_studies, capsys) -> None:
    named = ["--compare", "features_dr-votes", str(two_studies / "features_dr-faces")]
    assert report.main([*named, "--results", str(two_studies)]) == 0
    html = two_studies / "compare-features_dr-votes-features_dr-faces" / "report.html"
    assert commands(html) == [["--compare", "features_dr-votes", "features_dr-faces"]]
    assert str(html) in capsys.readouterr().out
    heads = re.findall(r'role="columnheader">(.*?)</th>', html.read_text())
    assert heads[1:3] == ["votes, validation", "faces, validation"]
    assert report.main([*named, "--results", str(two_studies), "--out", str(two_studies / "page")]) == 0
    assert (two_studies / "page" / "report.html").is_file()


def test_folders_of_one_name_are_told_apart_by_what_holds_them(two_studies, tmp_path) -> None:
    other = tmp_path / "other" / "features_dr-votes"
    shutil.copytree(two_studies / "features_dr-faces", other)
    written = api.compare([two_studies / "features_dr-votes", other], tmp_path / "page")
    assert ">features_dr-votes, other/features_dr-votes</h2>" in written.html.read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--compare", "features_dr-votes"], "a comparison needs two studies"),
        (["--compare", "features_dr-votes", "features_dr-votes"], "features_dr-votes is named twice"),
        (["--compare", "features_dr-votes", "copy"], "features_dr-votes and copy are the same study"),
        (["--compare", "features_dr-votes", "ravdess_dr"], "no study ravdess_dr"),
        (["--compare", "features_dr-votes", "./nowhere"], "there is no study at"),
        (
            ["--compare", "copy", "features_dr-faces", "--out", "{results}/copy"],
            "copy is the folder of a study",
        ),
        (["--compare", *["features_dr-votes", "features_dr-faces"] * 8], "too long for that of a folder"),
        (["features_dr-votes", "--compare", "copy", "features_dr-faces"], "a NAME is required, or --compare"),
        (["features_dr-votes", "--out", "page"], "--out belongs to --compare"),
    ],
)
def test_studies_that_cannot_be_compared_are_one_sentence(two_studies, capsys, arguments, sentence) -> None:
    shutil.copytree(two_studies / "features_dr-votes", two_studies / "copy")
    given = [argument.format(results=two_studies) for argument in arguments]
    assert report.main([*given, "--results", str(two_studies)]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert {path.name for path in two_studies.iterdir()} == {"features_dr-votes", "features_dr-faces", "copy"}


def test_an_unknown_study_leaves_no_folder_behind(results) -> None:
    report.main(["ravdess_dr", "--results", str(results)])
    assert [path.name for path in results.iterdir()] == ["features_dr-votes"]


def test_a_study_that_was_run_on_the_sample_is_named_as_such(results, capsys) -> None:
    (results / "features_dr-votes").rename(results / "cremad_dr-sample")
    assert report.main(["cremad_dr", "--results", str(results)]) == 2
    said = "study.report: cremad_dr was run on the generated sample: say cremad_dr-sample.\n"
    assert capsys.readouterr().err == said


def test_the_studies_that_are_there_are_named(results, capsys) -> None:
    report.main(["ravdess_dr", "--results", str(results)])
    assert "features_dr-votes" in capsys.readouterr().err


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("storage", ["sqlite:///{}/elsewhere.db", "journal://{}/elsewhere.log"])
def test_a_ledger_elsewhere_is_read_by_its_url(tmp_path, storage) -> None:
    url = storage.format(tmp_path)
    write_ledger(url)
    assert report.main(["features_dr-votes", "--results", str(tmp_path / "other"), "--storage", url]) == 0
    summary = json.loads((tmp_path / "other" / "features_dr-votes" / "summary.json").read_text())
    assert summary["methods"]["joint"]["config"] == {"lr": 0.1, "epochs": 2}
