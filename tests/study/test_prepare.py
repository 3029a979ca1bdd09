"""python -m study.prepare: what it prints, writes and refuses."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from study.prepare import main
from study.prepare_wording import _parts
from trainables.multimodal.data.adapters.cremad import CLASSES
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.sample import generate
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.data.store.manifest import sha256
from trainables.multimodal.errors import InputError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A features file of 40 samples."""
    folder = tmp_path / "source"
    folder.mkdir()
    x = np.random.default_rng(0).normal(size=(40, 3))
    np.savez(folder / "table.npz", label=np.arange(40) % 2, **{"modality:x": x})
    return folder


def prepare(source: Path, out: Path, *options: str) -> int:
    return main(["features", "--source", str(source), "--out", str(out), *options])


def test_it_makes_a_store_and_reports_it(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare(source, tmp_path / "out") == 0
    store = FeatureStore.open(tmp_path / "out")
    report = capsys.readouterr().out
    assert f"40 samples, 2 classes, x [3] float32; digest {store.digest[:12]}" in report
    assert "split stratified (default): train 28, validation 6, test 6" in report


def test_the_same_command_again_says_that_all_is_there(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(source, tmp_path / "out")
    assert prepare(source, tmp_path / "out") == 0
    assert "holds this data set already" in capsys.readouterr().out


def test_another_store_is_not_overwritten(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(source, tmp_path / "out")
    before = FeatureStore.open(tmp_path / "out").digest
    np.savez(source / "table.npz", label=np.arange(40) % 2, **{"modality:x": np.zeros((40, 2))})
    assert prepare(source, tmp_path / "out") == 2
    assert "holds another store (its sources differs)" in capsys.readouterr().err
    assert FeatureStore.open(tmp_path / "out").digest == before


def test_the_default_folder_is_data_and_the_name(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["features", "--source", str(source)]) == 0
    assert FeatureStore.open(tmp_path / "data" / "features").name == "features"


def test_f12_skipped_samples_are_named_in_the_report(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.zeros((40, 3))
    x[7] = np.nan
    np.savez(source / "table.npz", label=np.arange(40) % 2, **{"modality:x": x})
    assert prepare(source, tmp_path / "out", "--skip-up-to", "0.05") == 0
    report = capsys.readouterr().out
    assert "\n  1 x x holds NaN or infinite numbers\n  7: x holds NaN or infinite numbers\n" in report
    assert f"skipped, all named in {tmp_path / 'out' / 'manifest.json'}:\n" in report


def test_a_recipe_can_be_changed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    raw = tmp_path / "raw"
    generate.generate(raw, actors=generate.ACTORS[:3])
    options = [
        "--recipe-set",
        "time_steps=20",
        "--recipe-set",
        "frames=1",
        "--image-size",
        "8",
        "--split",
        "dnr",
    ]
    assert main(["cremad", "--source", str(raw), "--out", str(out), *options]) == 0
    store = FeatureStore.open(out)
    assert (store.default_split, store.is_sample) == ("dnr", True)
    assert [m.shape for m in store.modalities.values()] == [(1, 20, 128), (1, 3, 8, 8)]


def test_generated_data_need_no_source_and_take_a_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["controls-gain", "--out", str(out), "--recipe-set", "seed=3"]) == 0
    assert "split drawn (default): train 8000, validation 1000, test 2000" in capsys.readouterr().out
    assert FeatureStore.open(out).recipe == {"name": "gaussian", "seed": 3}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "name a data set"),
        (["features"], "name the --source folder of features"),
        (["controls-gain", "--source", "."], "controls-gain is generated: leave --source out"),
        (["controls-gain", "--recipe-set", "seed=-1"], "recipe parameter seed must be a whole number in 0.."),
        (["mnist", "--source", "."], "unknown data set mnist"),
        (["features", "--source", "nowhere"], "no npz or Parquet file or folder"),
        (["cremad", "--source", "nowhere"], "no source folder"),
        (["features", "--source", ".", "--recipe-set", "frames"], "takes key=value"),
        (["features", "--source", ".", "--recipe", "dnr-fbank"], "takes no recipe"),
        (["--check", "nowhere"], "no data folder"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_split_is_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare(source, tmp_path / "out", "--split", "official") == 2
    assert "unknown split official: features offers stratified" in capsys.readouterr().err


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A tree of CREMA-D: one folder is a link to another disk, and films are links into a store."""
    raw = tmp_path / "raw"
    generate.generate(raw, actors=generate.ACTORS[:3])
    (tmp_path / "objects").mkdir()
    (raw / "AudioWAV").rename(tmp_path / "sounds")
    (raw / "AudioWAV").symlink_to("../sounds")
    for number, film in enumerate(sorted((raw / "VideoFlash").iterdir())):
        film.rename(tmp_path / "objects" / f"{number:032x}")
        film.symlink_to(f"../../objects/{number:032x}")
    return raw


SMALL = ["--recipe-set", "time_steps=20", "--recipe-set", "frames=1", "--image-size", "8"]


def test_trees_of_links_are_read_only_where_that_is_asked_for(
    linked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["cremad", "--source", str(linked), "--out", str(tmp_path / "out"), *SMALL]
    assert main(command) == 2
    assert "by a link: remove it, or allow all links with --follow-links" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*command, "--follow-links"]) == 0
    assert main([*command, "--follow-links"]) == 0
    assert "holds this data set already" in capsys.readouterr().out
    assert main(["--check", str(tmp_path / "out")]) == 0
    sums = FeatureStore.open(tmp_path / "out").manifest["sources"]
    file = min(name for name in sums if name.startswith("VideoFlash"))
    assert sums[file] == sha256((linked / file).resolve())


@pytest.mark.parametrize("target", ["../../objects/gone", "1001.flv"], ids=["nothing", "itself"])
def test_links_that_lead_nowhere_are_samples_without_files(
    linked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    film = min((linked / "VideoFlash").iterdir())
    film.unlink()
    film.symlink_to(film.name if target == "1001.flv" else target)
    command = ["cremad", "--source", str(linked), "--out", str(tmp_path / "out"), *SMALL, "--follow-links"]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert told.startswith("study.prepare: 1 of 144 samples cannot be used:\n")
    assert f"  {film.stem}: VideoFlash/{film.name} is missing" in told


def test_one_file_may_be_a_link_to_a_file_of_another_name(source: Path, tmp_path: Path) -> None:
    (source / "table.npz").rename(tmp_path / "9f86d081")
    (source / "table.npz").symlink_to("../9f86d081")
    assert prepare(source / "table.npz", tmp_path / "out") == 0
    assert list(FeatureStore.open(tmp_path / "out").manifest["sources"]) == ["table.npz"]


@pytest.mark.parametrize("share", ["-0.1", "1.5", "some"])
def test_an_impossible_share_is_refused(source: Path, tmp_path: Path, share: str) -> None:
    assert prepare(source, tmp_path / "out", f"--skip-up-to={share}") == 2


def test_check_reports_a_whole_store(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(source, tmp_path / "out")
    assert main(["--check", str(tmp_path / "out")]) == 0
    assert "is whole: 40 samples" in capsys.readouterr().out


def test_check_names_a_damaged_file(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(source, tmp_path / "out")
    (tmp_path / "out" / "samples-0000000.arrow").write_bytes(b"gone")
    assert main(["--check", str(tmp_path / "out")]) == 2
    assert "is damaged (samples-0000000.arrow)" in capsys.readouterr().err


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare(source, tmp_path / "out", "--dry-run") == 0
    told = capsys.readouterr().out
    assert "40 samples of 1 files" in told
    assert "split stratified: train 28, validation 6, test 6" in told
    assert f"in 1 files to {tmp_path / 'out'}" in told
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_the_report_counts_classes_and_what_was_found(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(source, tmp_path / "out")
    told = capsys.readouterr().out
    assert "split stratified (default): train 28, validation 6, test 6" in told
    assert "  train: 0 14, 1 14" in told
    assert "40 found, 40 prepared, 0 skipped; 0.0 MiB in" in told


def test_a_dry_run_counts_listed_samples_without_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, suffix in (("AudioWAV", "wav"), ("VideoFlash", "flv")):
        (tmp_path / folder).mkdir()
        for actor, emotion in product((1001, 1002, 1003), CLASSES):
            (tmp_path / folder / f"{actor}_DFA_{emotion}_XX.{suffix}").touch()
    (tmp_path / "train.csv").write_text("1001_DFA_ANG_XX,ANG\n1004_DFA_ANG_XX,ANG\n")
    (tmp_path / "test.csv").write_text("1005_DFA_ANG_XX,ANG\n")
    assert main(["cremad", "--source", str(tmp_path), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "2 of 20 samples cannot be used:\n  2 x *.wav is missing\n  1004_DFA_ANG_XX: AudioWAV/1004" in told


def test_the_report_counts_classes_and_groups_of_every_split(tmp_path: Path) -> None:
    actors = np.arange(60) // 6
    arrays = {"label": np.arange(60) % 6, "group": actors, "modality:x": np.zeros((60, 3))}
    np.savez(tmp_path / "table.npz", **arrays)
    source = read_source("features", tmp_path)
    store = write_store(source, tmp_path / "out")
    told = "\n".join(_parts(store))
    assert "split actor-disjoint-3: train 36, validation 12, test 12\n  train: 0 6, 1 6, 2 6, 3 6" in told
    assert told.count("; 2 groups") == 1 + 2 * 5
    assert len(told.splitlines()) == 4 * len(store.policies)


def test_many_classes_are_not_counted_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.repeat(np.arange(20), np.where(np.arange(20) < 10, 7, 14))
    np.savez(tmp_path / "table.npz", label=labels, **{"modality:x": np.zeros((len(labels), 3))})
    assert prepare(tmp_path, tmp_path / "out") == 0
    assert "  train: 20 of 20 classes, 5 to 10 samples each\n" in capsys.readouterr().out


def test_no_workers_are_refused(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(source, tmp_path / "out", "--workers", "0") == 2
    assert "must be a whole number >= 1, got '0'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cores", "asked", "expected"), [(64, [], 3), (2, [], 2), (64, ["--workers", "9"], 9)]
)
def test_processes_are_as_many_as_the_memory_allows_unless_more_are_asked_for(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cores: int | None,
    asked: list[str],
    expected: int,
) -> None:
    given: list[int] = []

    def write(*arguments: object, workers: int, **others: object) -> None:
        given.append(workers)
        raise InputError("seen")

    monkeypatch.setattr("joblib.cpu_count", lambda: cores)
    monkeypatch.setattr("study.prepare.write_store", write)
    assert prepare(source, tmp_path / "out", *asked) == 2
    assert given == [expected]
