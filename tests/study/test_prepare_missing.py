"""python -m study.prepare where files are missing: told at once, on one screen, with what goes on."""

import shlex
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import raw_tweets

from study.prepare import main
from trainables.multimodal.data.adapters.cremad import CLASSES
from trainables.multimodal.data.preparing.unusable import names_file, told
from trainables.multimodal.data.preparing.writer import unfinished

CLIPS = [
    f"{actor}_{sentence}_{emotion}_XX"
    for actor, sentence, emotion in product(range(1001, 1007), ("DFA", "IEO", "TIE"), CLASSES)
]
Told = Callable[[], str]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """108 clips of six actors in CREMA-D's layout, all of them empty files."""
    root = tmp_path / "it's raw; $HOME"
    for folder, suffix in (("AudioWAV", "wav"), ("VideoFlash", "flv")):
        (root / folder).mkdir(parents=True)
        for clip in CLIPS:
            (root / folder / f"{clip}.{suffix}").touch()
    return root


@pytest.fixture
def error(capsys: pytest.CaptureFixture[str]) -> Told:
    return lambda: capsys.readouterr().err


def without(raw: Path, count: int) -> Path:
    """The same without the last `count` recordings of sentence TIE."""
    for clip in [clip for clip in CLIPS if "TIE" in clip][-count:]:
        (raw / "AudioWAV" / f"{clip}.wav").unlink()
    return raw


@pytest.mark.parametrize("option", [[], ["--skip-up-to", "0.01"], ["--skip-up-to=0.2"], ["--skip", "0"]])
def test_f12_missing_files_are_told_on_a_screen_before_anything_is_decoded(
    raw: Path, tmp_path: Path, error: Told, option: list[str]
) -> None:
    out = tmp_path / "my store"
    given = ["cremad", "--source", str(without(raw, 25)), *option, "--out", str(out), "--image-size", "8"]
    assert main(given) == 2
    lines = error().splitlines()
    assert lines[0] == "study.prepare: 25 of 108 samples cannot be used:"
    assert lines[1] == "  25 x *.wav is missing"
    assert sum(": AudioWAV/" in line for line in lines) == 20
    assert len(lines) < 30
    assert max(len(line.replace(str(tmp_path), "")) for line in lines) < 250
    assert not unfinished(out).exists()
    named = names_file(out).read_text().splitlines()
    assert f"all of them are named in {names_file(out)}" in lines
    assert (len(named), named[0]) == (25, "1002_TIE_SAD_XX\tAudioWAV/1002_TIE_SAD_XX.wav is missing")
    command = shlex.split(lines[-1])
    kept = [word for word in given if word not in option]
    assert command == ["python", "-m", "study.prepare", *kept, "--skip-up-to", "0.232"]


def test_what_cannot_be_decoded_is_told_in_the_same_form(raw: Path, tmp_path: Path, error: Told) -> None:
    out = tmp_path / "store"
    given = ["cremad", "--source", str(without(raw, 25)), "--out", str(out), "--workers", "1"]
    assert main([*given, "--skip-up-to", "0.232"]) == 2
    lines = error().splitlines()
    assert lines[:3] == [
        "study.prepare: 108 of 108 samples cannot be used:",
        "  83 x *.wav is empty (... bytes)",
        "  25 x *.wav is missing",
    ]
    assert "without them nothing can be studied (split actor-disjoint: its train part" in lines[-1]
    assert f"what is decoded stays in {unfinished(out)}" in lines[-1]
    assert len(names_file(out).read_text().splitlines()) == 108


def test_a_dry_run_tells_the_same_and_writes_nothing(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["cremad", "--source", str(without(raw, 25)), "--out", str(tmp_path / "store")]
    assert main([*given, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "25 of 108 samples cannot be used:" in lines
    assert shlex.split(lines[-1])[3:] == [*given, "--skip-up-to", "0.232"]
    assert list(tmp_path.iterdir()) == [raw]


def test_samples_without_which_a_part_is_empty_come_without_a_command(
    raw: Path, tmp_path: Path, error: Told
) -> None:
    for clip in [clip for clip in CLIPS if "ANG" in clip]:
        (raw / "VideoFlash" / f"{clip}.flv").unlink()
    given = ["cremad", "--source", str(raw), "--out", str(tmp_path / "store")]
    for option in ([], ["--skip-up-to", "0.5"]):
        assert main([*given, *option]) == 2
        said = error()
        assert "its train part has no sample of class ANG" in said
        assert "python -m" not in said
        assert not unfinished(tmp_path / "store").exists()


@pytest.mark.parametrize("gone", [shutil.rmtree, lambda folder: [file.unlink() for file in folder.iterdir()]])
@pytest.mark.parametrize(("folder", "kind"), [("VideoFlash", "film"), ("AudioWAV", "sound")])
@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--skip-up-to", "1"]])
def test_a_whole_kind_of_file_that_is_missing_is_one_sentence(
    raw: Path, tmp_path: Path, error: Told, gone: Callable, folder: str, kind: str, options: list[str]
) -> None:
    gone(raw / folder)
    assert main(["cremad", "--source", str(raw), "--out", str(tmp_path / "store"), *options]) == 2
    said = error()
    assert (
        f"no {kind} of any clip: {folder} {'holds none' if (raw / folder).exists() else 'is missing'}" in said
    )
    assert (said.count("\n"), list(tmp_path.iterdir())) == (1, [raw])


@pytest.mark.parametrize(
    ("name", "write", "folder"),
    [
        ("twitter15", raw_tweets.write_twitter15, "twitter2015_images"),
        ("sarcasm", raw_tweets.write_sarcasm, "dataset_image"),
    ],
)
def test_so_are_all_pictures_of_tweets(
    tmp_path: Path, error: Told, name: str, write: Callable[[Path], Path], folder: str
) -> None:
    root = write(tmp_path / "raw")
    shutil.rmtree(root / folder)
    assert main([name, "--source", str(root), "--out", str(tmp_path / "store")]) == 2
    assert f"no picture of any tweet: {folder} is missing" in error()


def test_the_list_of_a_refusal_is_gone_once_the_store_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = raw_tweets.write_twitter15(tmp_path / "raw"), tmp_path / "store"
    picture = next((root / "twitter2015_images").iterdir())
    kept = picture.read_bytes()
    picture.unlink()
    given = ["twitter15", "--source", str(root), "--out", str(out), "--image-size", "8"]
    assert main(given) == 2
    assert names_file(out).exists()
    picture.write_bytes(kept)
    (root / "twitter2015_images" / ".DS_Store").touch()
    (root / "twitter2015_images" / "1 (2).jpg").touch()
    (root / "__MACOSX").mkdir()
    assert main(given) == 0
    assert not names_file(out).exists()
    assert "passed over 2 files or folders that are no data, such as __MACOSX" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/x.flv is cut short: 12 bytes are missing", "b/y.flv is cut short: 7 bytes are missing"),
        ("the sound of 3/x.mp4 cannot be decoded (e)", "the sound of 17/-y_3.mp4 cannot be decoded (e)"),
        ("a/x.flv is no video (see '/s/a/x.flv')", "a/z.flv is no video (see '/s/a/z.flv')"),
        ("it repeats picture and text of train-3", "it repeats picture and text of train-41"),
        ("it is\nmissing", "it is missing"),
    ],
)  # fmt: skip
def test_reasons_that_differ_in_names_and_numbers_are_counted_together(one: str, other: str) -> None:
    assert told({"x": one, "y": other})[0].startswith("  2 x ")


def test_many_reasons_are_still_a_screen() -> None:
    lines = told({f"s{number}": "abcdefghijklmnopqrstuvwxyz"[number % 26] * 3000 for number in range(500)})
    assert len(lines) < 30
    assert max(map(len, lines)) < 250
    assert "  380 x something else" in lines
