"""The command line: bad input is one sentence and exit code 2 before anything is begun."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from study.records.study_folder import LEDGER, open_ledger
from study.request import StudyRequest, resolved
from study.run import main
from study.settings import Numerics
from study.studies import STUDIES
from study.study_list import QUESTIONS, listing
from trainables.multimodal.data.datasets import open_store


def refuse(capsys, *arguments):
    """The one sentence that a command ends with."""
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("study.run: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_an_unknown_study_is_named_beside_those_that_look_alike(capsys):
    expected = "study.run: unknown study cremad (like cremad_dr or cremad_compare); --list names all.\n"
    assert refuse(capsys, "cremad") == expected
    assert refuse(capsys, "xyz") == "study.run: unknown study xyz; --list names all.\n"


def test_no_study_at_all_is_a_sentence(capsys):
    assert refuse(capsys) == "study.run: name a study, such as cremad_dr; --list names all.\n"


def test_an_unknown_option_is_a_sentence(capsys):
    assert "--colour" in refuse(capsys, "cremad_dr", "--colour")


def test_an_unknown_stage_is_a_sentence(capsys):
    assert "unknown stage serch" in refuse(capsys, "cremad_dr", "--stages", "serch")


def test_seeds_that_are_no_number_are_a_sentence_without_names_of_the_code(capsys):
    said = refuse(capsys, "cremad_dr", "--seeds", "one")
    assert "argument --seeds: must be a whole number or auto, got 'one'" in said


def test_sample_and_data_exclude_each_other(capsys, toy_store):
    assert "exclude each other" in refuse(capsys, "cremad_dr", "--sample", "--data", str(toy_store))


def test_a_study_without_a_sample_says_which_have_one(capsys):
    assert "only studies of cremad can run on the sample" in refuse(capsys, "ravdess_dr", "--sample")


def test_missing_data_end_with_the_command_that_prepares_them(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "python -m study.prepare ravdess --source DIR" in refuse(capsys, "ravdess_dr")


def test_controls_are_generated_where_there_are_none(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["controls-null_modalities", "--dry-run"]) == 0
    assert "unimodal_second" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(capsys, tmp_path):
    assert "nowhere" in refuse(capsys, "features_dr", "--data", str(tmp_path / "nowhere"))


def test_raw_files_end_with_the_command_that_prepares_them(capsys, tmp_path):
    (tmp_path / "AudioWAV").mkdir()
    assert "study.prepare cremad --source" in refuse(capsys, "cremad_dr", "--data", str(tmp_path))


def test_the_store_of_another_data_set_is_refused(capsys, toy_store):
    assert "needs ravdess" in refuse(capsys, "ravdess_dr", "--data", str(toy_store))


def test_a_changed_store_is_refused(capsys, toy_store):
    shard = next(toy_store.glob("*.arrow"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert shard.name in refuse(capsys, "features_dr", "--data", str(toy_store))


def test_an_unknown_key_is_refused_before_anything_is_written(capsys, toy_store, tmp_path):
    results = tmp_path / "results"
    arguments = ["--data", str(toy_store), "--results", str(results), "--set", "lambda=3"]
    assert "--set lambda: no method of this study has it" in refuse(capsys, "features_dr", *arguments)
    assert not results.exists()


def test_a_value_that_makes_no_sense_is_refused_before_anything_is_written(capsys, toy_store, tmp_path):
    results = tmp_path / "results"
    arguments = ["--data", str(toy_store), "--results", str(results), "--set", "lam=-1"]
    assert "lam must be >= 0" in refuse(capsys, "features_dr", *arguments)
    assert not results.exists()


def test_a_trial_too_large_for_the_machine_is_refused(capsys, toy_store, tmp_path):
    arguments = ["--data", str(toy_store), "--results", str(tmp_path), "--cpus-per-trial", "1000"]
    assert "--cpus-per-trial" in refuse(capsys, "features_dr", *arguments)


def test_a_limit_for_hung_trials_is_told_and_is_not_nothing(capsys, toy_store, tmp_path):
    arguments = ["--data", str(toy_store), "--results", str(tmp_path), "--dry-run", "--hung-after"]
    assert main(["features_dr", *arguments, "90"]) == 0
    assert "a trial without an epoch for 90 s is ended and tried again" in capsys.readouterr().out
    assert "--hung-after must be at least 1, got 0" in refuse(capsys, "features_dr", *arguments, "0")


def test_a_dry_run_tells_and_writes_nothing(capsys, toy_store, tmp_path, monkeypatch):
    results, temporary = tmp_path / "results", tmp_path / "temporary"
    monkeypatch.setenv("TMPDIR", str(temporary))
    arguments = ["--data", str(toy_store), "--results", str(results), "--space", "lam=1..5", "--dry-run"]
    assert main(["features_dr", *arguments, "--stages", "search,sensitivity,surface", "--points", "8"]) == 0
    said = capsys.readouterr().out
    assert "no trial is stopped early" in said
    assert "  lam: 1.0..5.0\n" in said
    assert "  lr: 0.001..0.1:log\n" in said
    assert "  lam = 0.0, 1.0, 3.0, 10.0 (swept)\n" in said
    assert "surface: at most 8 trials of 30 epochs" in said
    assert "seeds: " not in said  # nothing is confirmed
    assert re.search(r"about \d+ (s|min|h) in all, if no trial ends early\n", said)
    assert "training steps of joint with" in said
    assert "and start and report to take a minute" in said
    assert "s is ended and tried again: 600 s and 20 times an epoch" in said
    assert not results.exists()
    assert not temporary.exists()


@pytest.mark.parametrize("more", [["--dry-run"], ["--dry-run", "--fresh"], []])
def test_stages_without_the_search_that_they_rest_on_are_refused(capsys, toy_store, tmp_path, more):
    arguments = ["--data", str(toy_store), "--results", str(tmp_path / "results"), "--stages", "confirm"]
    said = refuse(capsys, "features_dr", *arguments, *more)
    assert "features_dr-toy has not been searched yet: add search to --stages" in said


def test_a_dry_run_refuses_what_a_begun_study_does_not_take(capsys, toy_store, tmp_path):
    arguments = ["--data", str(toy_store), "--results", str(tmp_path), "--device", "cpu", "--dry-run"]
    settings = resolved("features_dr-toy", STUDIES["features_dr"], open_store(toy_store), StudyRequest())
    folder = tmp_path / "features_dr-toy"
    folder.mkdir()
    open_ledger(folder, replace(settings, numerics=Numerics("cpu", 1)), None).close()
    kept = (folder / LEDGER).read_bytes()
    assert main(["features_dr", *arguments, "--stages", "confirm"]) == 0
    assert "seeds: confirm takes 10 of joint, 5 of other methods" in capsys.readouterr().out
    assert "was begun with other settings" in refuse(capsys, "features_dr", *arguments, "--epochs", "3")
    assert main(["features_dr", *arguments, "--epochs", "3", "--fresh"]) == 0
    assert (folder / LEDGER).read_bytes() == kept
    (folder / LEDGER).write_bytes(b"torn")
    assert "is damaged" in refuse(capsys, "features_dr", *arguments)


def test_a_dry_run_says_what_is_copied_to_each_node(capsys, toy_store, tmp_path):
    disk, results = tmp_path / "disk", tmp_path / "results"
    arguments = ["--data", str(toy_store), "--results", str(results), "--dry-run", "--stage-data", str(disk)]
    assert main(["features_dr", *arguments]) == 0
    said = capsys.readouterr().out
    assert f"data: 0.00 GiB, copied once to each node: {disk}/" in said
    assert not disk.exists()


@pytest.mark.parametrize("more", [["--dry-run"], []])
def test_a_folder_for_copies_that_is_none_elsewhere_is_refused(capsys, toy_store, tmp_path, more):
    arguments = ["--data", str(toy_store), "--results", str(tmp_path / "results"), "--stage-data", "disk"]
    assert "must be an absolute path, the same on every node, got disk" in refuse(
        capsys, "features_dr", *arguments, *more
    )
    assert not (tmp_path / "results").exists()


def test_trials_at_once_come_from_the_gpus_that_are_visible(capsys, toy_store, tmp_path, monkeypatch):
    arguments = ["--data", str(toy_store), "--results", str(tmp_path), "--dry-run", "--device", "cpu"]
    shared = ["--gpus-per-trial", "0.5", "--cpus-per-trial", "0.1"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert main(["features_dr", *arguments, *shared]) == 0
    assert "; 4 trials at once" in capsys.readouterr().out
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)  # as CUDA_VISIBLE_DEVICES="" has it
    assert "is 0.5, and this machine has 0" in refuse(capsys, "features_dr", *arguments, *shared)


def test_a_dry_run_says_where_no_search_begins_with_published_values(capsys, toy_store, tmp_path):
    arguments = ["--data", str(toy_store), "--results", str(tmp_path), "--space", "lam=5..8", "--dry-run"]
    assert main(["features_dr", *arguments]) == 0
    assert capsys.readouterr().out.count("published values lie outside of what is searched") == 1


def test_ranges_and_swept_values_of_a_file_that_is_none_are_a_sentence(capsys, toy_store, tmp_path):
    file = tmp_path / "space.toml"
    arguments = ["--data", str(toy_store), "--results", str(tmp_path), "--space-file", str(file)]
    assert "cannot be read: No such file" in refuse(capsys, "features_dr", *arguments)
    file.write_text("lam")
    assert "is no TOML" in refuse(capsys, "features_dr", *arguments)
    file.write_text("[spaces]")
    assert "holds spaces: its tables are [space] and [sweep]" in refuse(capsys, "features_dr", *arguments)
    file.write_text("[space]\nlam = 3")
    assert "space.lam must be text or a list, got 3" in refuse(capsys, "features_dr", *arguments)
    file.write_text('[space]\nlam = "1..3"')
    said = refuse(capsys, "features_dr", *arguments, "--space", "lam=1..3")
    assert "--space lam is given twice: in" in said


def test_a_list_names_the_studies_what_they_ask_and_whether_data_are_there(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "ravdess").mkdir(parents=True)
    (tmp_path / "data" / "ravdess" / "manifest.json").touch()
    assert main(["--list"]) == 0
    lines = {line.split("_")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert re.fullmatch(r"ravdess_ +dr, boosting, dr_boosting, compare +data: found", lines["ravdess"])
    assert lines["mosi"].endswith("data: not prepared")
    assert lines["cremad"].endswith("data: not prepared, runs on the generated sample")
    assert lines["controls-gain"].endswith("data: generated")
    assert lines["features"].endswith("data: --data DIR")


def test_a_list_has_every_study_and_says_what_each_question_asks():
    head, *rest = listing(Path("nowhere")).splitlines()
    assert head == "A study is <data><question>, such as cremad_dr:"
    offered = [line.split("data:")[0].replace(",", "").split() for line in rest if "data:" in line]
    assert {data + question for data, *questions in offered for question in questions} == {*STUDIES}
    assert all(any(line.startswith(f"{name} ") for line in rest) for name in QUESTIONS)


def test_a_manifest_that_is_no_json_is_refused(capsys, toy_store):
    (toy_store / "manifest.json").write_text("{")
    assert "manifest" in refuse(capsys, "features_dr", "--data", str(toy_store))


def test_a_device_that_is_not_there_is_refused(capsys, toy_store, tmp_path):
    arguments = ["--data", str(toy_store), "--results", str(tmp_path), "--device", "cuda:77"]
    assert "device cuda:77" in refuse(capsys, "features_dr", *arguments)


def test_a_trial_that_holds_nothing_is_refused(capsys, toy_store, tmp_path):
    arguments = ["--data", str(toy_store), "--results", str(tmp_path), "--cpus-per-trial", "0"]
    assert "must hold something" in refuse(capsys, "features_dr", *arguments, "--gpus-per-trial", "0")


def test_results_that_cannot_be_written_are_a_sentence(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    said = refuse(capsys, "cremad_dr", "--sample", "--results", str(tmp_path / "file" / "results"))
    assert "choose another --results" in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--cpus-per-trial", "nan"], "--cpus-per-trial must be finite, got nan"),
        (["--cpus-per-trial", "inf"], "--cpus-per-trial must be finite, got inf"),
        (["--pruning", "never", "--spare", "0.5"], "--pruning never stops none"),
    ],
)
def test_options_that_mean_nothing_are_refused(capsys, toy_store, tmp_path, options, sentence):
    where = ["--data", str(toy_store), "--results", str(tmp_path / "results")]
    assert sentence in refuse(capsys, "features_dr", *where, *options)
    assert not (tmp_path / "results").exists()
