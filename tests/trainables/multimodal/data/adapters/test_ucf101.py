"""UCF-101 from its raw layouts: official, flat, partial, and broken."""

import gzip
import pickle
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.prepare import main
from trainables.multimodal.data.adapters import ucf101
from trainables.multimodal.data.media.optical_flow import Dis, Farneback
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError

RECIPE = Recipe("two-stream-dis", {"rgb": Frames(2, 32), "flow": Dis(2, 32)})
ACTIONS = ("Archery", "Diving")
SESSIONS = 6


def name(action: str, session: int, clip: int = 1) -> str:
    return f"v_{action}_g{session:02d}_c{clip:02d}"


def write_list(file: Path, clips: Iterable[str], labelled: bool = False) -> None:
    file.parent.mkdir(exist_ok=True)
    lines = [f"{ucf101.action(clip)}/{clip}.avi{' 1' if labelled else ''}\n" for clip in clips]
    file.write_text("".join(lines))


@pytest.fixture(scope="session")
def _clips(tmp_path_factory: pytest.TempPathFactory, film: Callable[..., Path], texture: Callable) -> Path:
    root = tmp_path_factory.mktemp("ucf101") / "source"
    shown = np.stack([texture(3 * step, -2 * step) for step in range(5)])
    for action in ACTIONS:
        for session in range(1, SESSIONS + 1):
            film(root / "UCF-101" / action / f"{name(action, session)}.avi", shown)
    return root


@pytest.fixture
def clips(_clips: Path, tmp_path: Path) -> Path:
    """A copy, free to be broken, of two classes of six sessions of one clip, in the official layout."""
    return Path(shutil.copytree(_clips, tmp_path / "source"))


@pytest.fixture
def listed(clips: Path) -> Path:
    """The same with official lists: sessions 1 and 2 test; a class that is not there stands in them too."""
    for number in ("01", "02", "03"):
        train, test = (
            [name(action, session) for action in (*ACTIONS, "YoYo") for session in sessions]
            for sessions in (range(3, SESSIONS + 1), (1, 2))
        )
        write_list(clips / "ucfTrainTestlist" / f"trainlist{number}.txt", train, labelled=True)
        write_list(clips / "ucfTrainTestlist" / f"testlist{number}.txt", test)
    return clips


def file_of(root: Path, clip: str) -> Path:
    return root / "UCF-101" / ucf101.action(clip) / f"{clip}.avi"


def of_part(source: Source, policy: str, part: str) -> list[str]:
    return [clip for clip, its in zip(source.ids, source.splits[policy], strict=True) if its == part]


def test_names_tell_class_and_session(clips: Path) -> None:
    source = ucf101.read(clips, RECIPE)
    row = source.ids.index("v_Diving_g04_c01")
    assert source.groups is not None
    assert (source.classes[source.labels[row]], source.groups[row]) == ("Diving", "Diving_g04")


def test_a_clip_becomes_pictures_and_their_motion(clips: Path) -> None:
    arrays = ucf101.read(clips, RECIPE).load(0)
    assert {key: (array.shape, array.dtype.name) for key, array in arrays.items()} == {
        "rgb": ((2, 3, 32, 32), "uint8"),
        "flow": ((2, 2, 32, 32), "uint8"),
    }
    motion = (arrays["flow"][:, :, 8:-8, 8:-8].astype(float) - 128).mean(axis=(0, 2, 3)) * 20 / 127
    assert list(motion) == pytest.approx([3, -2], abs=0.3)


def test_the_second_recipe_is_farneback() -> None:
    assert isinstance(ucf101.RECIPES["two-stream-farneback"].parts["flow"], Farneback)


def test_loading_can_be_handed_to_another_process(clips: Path) -> None:
    load = ucf101.read(clips, RECIPE).load
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(load))(0)["flow"], load(0)["flow"])


def test_clips_in_one_flat_folder_are_the_same_data(clips: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in clips.rglob("*.avi"):
        shutil.copy(file, flat)
    assert ucf101.read(flat, RECIPE).ids == ucf101.read(clips, RECIPE).ids


def test_without_lists_sessions_of_each_class_are_divided(clips: Path) -> None:
    source = ucf101.read(clips, RECIPE)
    assert (source.default_split, list(source.splits)) == ("session-disjoint", ["session-disjoint"])
    for action in ACTIONS:
        parts = [part for clip, part in zip(source.ids, source.splits["session-disjoint"], strict=True)
                 if ucf101.action(clip) == action]  # fmt: skip
        assert sorted(parts) == ["test"] + ["train"] * 4 + ["validation"]


def test_official_lists_give_three_splits_and_the_first_is_the_default(listed: Path) -> None:
    source = ucf101.read(listed, RECIPE)
    assert list(source.splits) == ["official-01", "official-02", "official-03", "session-disjoint"]
    assert source.default_split == "official-01"
    assert of_part(source, "official-01", "test") == [name(a, s) for a in ACTIONS for s in (1, 2)]


def test_validation_is_a_session_of_each_class_from_the_training_list(listed: Path) -> None:
    held = of_part(ucf101.read(listed, RECIPE), "official-01", "validation")
    assert [ucf101.action(clip) for clip in held] == list(ACTIONS)
    assert not set(held) & {name(action, session) for action in ACTIONS for session in (1, 2)}


def test_a_session_is_held_out_as_a_whole(listed: Path) -> None:
    more = []
    for file in sorted(listed.rglob("*_c01.avi")):
        more.append(file.stem.replace("_c01", "_c02"))
        shutil.copy(file, file.with_stem(more[-1]))
    with (listed / "ucfTrainTestlist" / "trainlist01.txt").open("a") as stream:
        stream.writelines(f"A/{clip}.avi 1\n" for clip in more if clip[-6:-4] not in ("01", "02"))
    source = ucf101.read(listed, RECIPE)
    held = of_part(source, "official-01", "validation")
    assert len(held) == 4
    assert len({clip[:-4] for clip in held}) == 2


def test_listed_clips_of_classes_that_are_not_there_are_ignored_and_noted(listed: Path) -> None:
    source = ucf101.read(listed, RECIPE)
    assert source.classes == ACTIONS
    assert len(source.ids) == 2 * SESSIONS
    assert source.note == "only 2 of the 101 classes are there."


def test_a_listed_clip_that_is_not_there_is_named_and_can_be_skipped(listed: Path, tmp_path: Path) -> None:
    file_of(listed, "v_Diving_g02_c01").unlink()
    source = ucf101.read(listed, RECIPE)
    with pytest.raises(
        InputError, match=r"(?s)1 of 12 .*v_Diving_g02_c01: it is listed, but its file is missing"
    ):
        write_store(source, tmp_path / "store")
    store = write_store(source, tmp_path / "store", skip_up_to=0.1)
    assert list(store.manifest["skipped"]) == ["v_Diving_g02_c01"]
    assert len(store.split()["test"]) == 3


def test_validation_is_chosen_among_sessions_that_are_there(listed: Path) -> None:
    missing = of_part(ucf101.read(listed, RECIPE), "official-01", "validation")
    for clip in missing:
        file_of(listed, clip).unlink()
    held = of_part(ucf101.read(listed, RECIPE), "official-01", "validation")
    assert len(held) == 2
    assert not set(held) & set(missing)


def test_a_class_that_cannot_be_divided_is_refused_before_decoding(clips: Path) -> None:
    for session in range(3, SESSIONS + 1):
        file_of(clips, name("Diving", session)).unlink()
    source = ucf101.read(clips, RECIPE)
    with pytest.raises(InputError, match="session-disjoint: its test part has no sample of class Diving"):
        source.with_default_split(source.default_split)


def test_compressed_lists_are_read(listed: Path) -> None:
    expected = ucf101.read(listed, RECIPE).splits
    (listed / "splits").mkdir()
    for file in (listed / "ucfTrainTestlist").iterdir():
        (listed / "splits" / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert ucf101.read(listed, RECIPE).splits == expected


def test_a_foreign_clip_is_named(clips: Path) -> None:
    file_of(clips, "v_Diving_g02_c01").rename(clips / "holiday.avi")
    with pytest.raises(InputError, match="'holiday' is no clip name of UCF-101"):
        ucf101.read(clips, RECIPE)


def test_a_clip_in_both_lists_is_named(listed: Path) -> None:
    with (listed / "ucfTrainTestlist" / "testlist01.txt").open("a") as stream:
        stream.write("Diving/v_Diving_g05_c01.avi\n")
    with pytest.raises(InputError, match="v_Diving_g05_c01 stands in two parts"):
        ucf101.read(listed, RECIPE)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no samples of ucf101"):
        ucf101.read(tmp_path, RECIPE)


def write_flow(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for axis, grey in (("x", 200), ("y", 50)):
        for number in range(1, count + 1):
            Image.new("L", (64, 48), grey).save(folder / f"{axis}_{number:05d}.jpg")


def test_flow_that_is_there_is_taken_and_noted(clips: Path) -> None:
    write_flow(clips / "flow" / "v_Archery_g01_c01", 4)
    source = ucf101.read(clips, RECIPE)
    assert "flow of 1 of 12 clips comes from pictures in the source" in source.note
    assert len([file for file in source.files if file.suffix == ".jpg"]) == 4
    np.testing.assert_allclose(source.load(0)["flow"].mean(axis=(0, 2, 3)), [200, 50], atol=1)


def respell(root: Path, written: Callable[[str], str]) -> None:
    for file in sorted(root.rglob("*.avi")):
        file.rename(file.with_name(written(file.name)))


SPELLINGS = [
    lambda name: name.replace("Diving", "diving"),
    lambda name: name.replace("Diving", "DiVing"),
    str.lower,
    lambda name: name.removesuffix(".avi").upper() + ".AVI",
    lambda name: name.replace("Diving", "DIVING") if "_g02_" in name else name,
]


@pytest.mark.parametrize("written", SPELLINGS)
def test_names_are_compared_without_capital_letters(
    listed: Path, monkeypatch: pytest.MonkeyPatch, written: Callable[[str], str]
) -> None:
    expected = ucf101.read(listed, RECIPE)
    respell(listed, written)
    for clip in expected.ids:
        write_flow(listed / "flow" / clip, 4)  # as the lists write it
    monkeypatch.setitem(sys.modules, "cv2", None)
    source = ucf101.read(listed, RECIPE)
    parts = [
        {clip.lower(): part for clip, part in zip(read.ids, read.splits["official-01"], strict=True)}
        for read in (source, expected)
    ]
    assert parts[0] == parts[1]
    assert [name.lower() for name in source.classes] == [name.lower() for name in ACTIONS]
    assert len(set(source.groups or [])) == len(set(expected.groups or []))
    assert "flow of 12 of 12 clips" in source.note
    assert source.lacking() == {}
    source.require_split("official-01")


@pytest.mark.parametrize("written", SPELLINGS)
def test_so_are_names_of_flow(
    clips: Path, monkeypatch: pytest.MonkeyPatch, written: Callable[[str], str]
) -> None:
    for file in sorted(clips.rglob("*.avi")):
        write_flow(clips / "flow" / written(file.name).rpartition(".")[0], 4)
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert "flow of 12 of 12 clips" in ucf101.read(clips, RECIPE).note


def test_a_listed_clip_that_is_missing_belongs_to_the_class_as_files_spell_it(listed: Path) -> None:
    respell(listed, SPELLINGS[0])
    (listed / "UCF-101" / "Diving" / "v_diving_g02_c01.avi").unlink()
    source = ucf101.read(listed, RECIPE)
    assert source.classes == ("Archery", "diving")
    assert [source.ids[row] for row in source.lacking()] == ["v_Diving_g02_c01"]
    assert source.labels[source.ids.index("v_Diving_g02_c01")] == 1


def test_two_clips_that_differ_in_capital_letters_alone_are_refused(clips: Path) -> None:
    shutil.copy(file_of(clips, "v_Diving_g02_c01"), clips / "v_diving_g02_c01.avi")
    with pytest.raises(
        InputError, match=r"v_[Dd]iving_g02_c01 and v_[Dd]iving_g02_c01 are names of one clip"
    ):
        ucf101.read(clips, RECIPE)


def test_leftovers_are_neither_clips_nor_pictures(listed: Path) -> None:
    write_flow(listed / "flow" / "v_Archery_g01_c01", 4)
    before = ucf101.read(listed, RECIPE)
    for name in ("UCF-101/Diving/._v_Diving_g02_c01.avi", "UCF-101/Diving/v_Diving_g02_c01 (1).avi",
                 "flow/v_Archery_g01_c01/x_00002 (1).jpg", "flow/v_Archery_g01_c01/x_00002 - Copy.jpg",
                 "__MACOSX/trainlist01.txt", "@eaDir/v_Archery_g01_c01/x_00001.jpg"):  # fmt: skip
        (listed / name).parent.mkdir(parents=True, exist_ok=True)
        (listed / name).touch()
    assert ucf101.read(listed, RECIPE).files == before.files


def test_opencv_is_asked_for_before_work_starts(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r"pip install -c requirements\.txt"):
        ucf101.read(clips, RECIPE)


def test_with_all_flow_there_opencv_is_not_needed(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    for file in list(clips.rglob("*.avi")):
        write_flow(clips / "flow" / file.stem, 4)
    assert ucf101.read(clips, RECIPE).load(0)["flow"].shape == (2, 2, 32, 32)


def test_the_published_lists_give_every_class_all_parts(real_data: Path, tmp_path: Path) -> None:
    shutil.copytree(real_data / "ucf101" / "splits", tmp_path / "splits")
    for part in ("train", "test"):
        for clip in ucf101.clips_of(tmp_path / "splits" / f"{part}list01.txt.gz"):
            (tmp_path / f"{clip}.avi").write_bytes(b"unread")
    source = ucf101.read(tmp_path, RECIPE)
    assert (len(source.classes), source.note) == (101, "")
    for policy, trained in {"official-01": 9537, "official-02": 9586, "official-03": 9624}.items():
        source.require_split(policy)
        held = len(of_part(source, policy, "validation"))
        assert len(of_part(source, policy, "train")) + held == trained
        assert len(of_part(source, policy, "test")) == 13_320 - trained
        assert held == pytest.approx(0.11 * trained, rel=0.1)


def test_real_clips_are_prepared_from_the_command_line(
    real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All 15 are of their class's first session; here each stands for a session of its own."""
    for file in (real_data / "ucf101" / "avi").iterdir():
        clip = name(ucf101.action(file.stem), int(file.stem[-2:]) + 5)
        shutil.copyfile(file, tmp_path / f"{clip}.avi")
    shutil.copytree(real_data / "ucf101" / "splits", tmp_path / "splits")
    options = ["--frames", "3", "--image-size", "32", "--skip-up-to", "1", "--workers", "1"]
    out = tmp_path / "out"
    assert main(["ucf101", "--source", str(tmp_path), "--out", str(out), *options]) == 0
    store = FeatureStore.open(out)
    assert (store.default_split, store.classes) == ("official-01", ("ApplyEyeMakeup", "BenchPress", "Diving"))
    assert {part: len(rows) for part, rows in store.split().items()} == {
        "train": 6,
        "validation": 3,
        "test": 6,
    }
    flow = store.read("flow", range(15)).astype(float) - 128
    assert np.abs(flow).mean(axis=(1, 2, 3, 4)).min() > 0.1
    assert "15 prepared" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_methods_run_on_raw_files(listed: Path, require_comparison: Callable[..., None]) -> None:
    require_comparison("ucf101", listed, "--frames", "2", "--image-size", "32")
