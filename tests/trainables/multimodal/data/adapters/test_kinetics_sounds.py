"""Kinetics-Sounds from its lists and clips with sound."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from study.prepare import main
from trainables.multimodal.data.adapters import kinetics_sounds, listed_clips
from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.sound_tracks import read_track
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError

RECIPE = Recipe("dnr-fbank", {"audio": Fbank(mel_bins=16, time_steps=60), "visual": Frames(2, 16)})
TRAINED, TESTED, LABELS = 8, 2, (4, 27)
"""Clips of each label."""


def clip(number: int, label: int, part: str) -> str:
    return f"-{part}{label:02d}ihtnBU_{number:06d}_{number + 10:06d}"


@pytest.fixture(scope="session")
def _source(tmp_path_factory: pytest.TempPathFactory, film: Callable[..., Path], tone: Callable) -> Path:
    root = tmp_path_factory.mktemp("kinetics") / "source"
    pictures = np.full((12, 32, 32, 3), 90, np.uint8)
    made = {
        suffix: film(root / f"made{suffix}", pictures, sound=("aac", 44_100, tone(0.5, 44_100, (0.5, 0.5))))
        for suffix in (".mp4", ".mkv")
    }
    for part, count in (("train", TRAINED), ("test", TESTED)):
        names = [(clip(number, label, part), label) for label in LABELS for number in range(count)]
        lines = [f"{name},10,{label}\n" for name, label in names]
        (root / f"kinetic_sound_my_{part}.txt").write_text("".join(lines))
        for position, (name, label) in enumerate(names):
            suffix = (".mp4", ".mkv")[position % 2]
            (root / part / str(label)).mkdir(parents=True, exist_ok=True)
            shutil.copy(made[suffix], root / part / str(label) / f"{name}{suffix}")
    for file in made.values():
        file.unlink()
    return root


@pytest.fixture
def root(_source: Path, tmp_path: Path) -> Path:
    """A copy, free to be broken, of 20 clips of two labels in train/<label> and test/<label>."""
    return Path(shutil.copytree(_source, tmp_path / "source"))


def media(root: Path, name: str) -> Path:
    return next(root.rglob(f"{name}.m*"))


def sizes(source: Source, policy: str) -> list[int]:
    return [source.splits[policy].count(part) for part in ("train", "validation", "test", "")]


def test_clips_are_found_by_name_below_the_source(root: Path) -> None:
    source = kinetics_sounds.read(root, RECIPE)
    row = source.ids.index(clip(3, 27, "train"))
    assert (len(source.ids), source.classes) == (20, ("04", "27"))
    assert source.classes[source.labels[row]] == "27"


def test_a_clip_becomes_its_sound_and_pictures(root: Path) -> None:
    arrays = kinetics_sounds.read(root, RECIPE).load(0)
    file = media(root, clip(0, 4, "test"))
    np.testing.assert_array_equal(arrays["audio"], RECIPE.parts["audio"].energies(read_track(file, 16_000)))
    np.testing.assert_array_equal(arrays["visual"], RECIPE.parts["visual"](file))


def test_sound_and_pictures_of_other_lengths_are_cut_and_padded(root: Path) -> None:
    audio = kinetics_sounds.read(root, RECIPE).load(0)["audio"]
    assert audio.shape == (1, 60, 16)
    assert np.flatnonzero(np.abs(audio[0]).sum(axis=1)).max() < 55


def test_loading_can_be_handed_to_another_process(root: Path) -> None:
    load = kinetics_sounds.read(root, RECIPE).load
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(load))(5)["audio"], load(5)["audio"])


def test_published_lists_with_a_tenth_of_training_for_validation(root: Path) -> None:
    source = kinetics_sounds.read(root, RECIPE)
    assert source.default_split == "official"
    assert sizes(source, "official") == [14, 2, 4, 0]
    official = zip(source.ids, source.splits["official"], strict=True)
    assert all(name.startswith("-test") == (part == "test") for name, part in official)


def test_all_clips_can_be_divided_anew(root: Path) -> None:
    assert sizes(kinetics_sounds.read(root, RECIPE), "stratified") == [14, 4, 2, 0]


def test_vanished_clips_are_named_and_can_be_skipped(root: Path, tmp_path: Path) -> None:
    gone = clip(1, 4, "test")
    media(root, gone).unlink()
    source = kinetics_sounds.read(root, RECIPE)
    with pytest.raises(InputError, match=f"(?s)^1 of 20 .*{gone}: it is listed, but its file is missing"):
        write_store(source, tmp_path / "store")
    store = write_store(source, tmp_path / "store", skip_up_to=0.05)
    assert (list(store.manifest["skipped"]), len(store)) == ([gone], 19)


def test_other_clips_keep_their_part_when_some_vanish(root: Path) -> None:
    before = kinetics_sounds.read(root, RECIPE)
    media(root, clip(1, 4, "train")).unlink()
    after = kinetics_sounds.read(root, RECIPE)
    changed = [name for name, old, new in zip(before.ids, before.splits["official"], after.splits["official"],
                                              strict=True) if old != new]  # fmt: skip
    assert changed == [clip(1, 4, "train")]


def test_a_class_without_any_clip_is_left_out_and_noted(root: Path) -> None:
    for file in list(root.rglob("*27ihtnBU*.m*")):
        file.unlink()
    source = kinetics_sounds.read(root, RECIPE)
    assert (source.classes, len(source.ids)) == (("04",), 10)
    assert source.note == "only 1 of the 2 classes are there."


@pytest.mark.parametrize(
    ("sound", "complaint"), [(None, "has no sound track"), (0.02, "shorter than one window")]
)
def test_a_clip_that_cannot_be_heard_is_named(
    root: Path, tmp_path: Path, film: Callable[..., Path], tone: Callable, sound: float | None, complaint: str
) -> None:
    name = clip(2, 27, "train")
    media(root, name).unlink()
    track = ("pcm_s16le", 16_000, tone(sound, 16_000)) if sound else None
    film(root / f"{name}.mkv", np.zeros((5, 32, 32, 3), np.uint8), sound=track)
    with pytest.raises(InputError, match=rf"{name}: .*{complaint}"):
        write_store(kinetics_sounds.read(root, RECIPE), tmp_path / "store")


def test_a_clip_cut_short_is_named(root: Path, tmp_path: Path) -> None:
    name = clip(0, 4, "test")
    file = media(root, name)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InputError, match=f"{name}: "):
        write_store(kinetics_sounds.read(root, RECIPE), tmp_path / "store")


@pytest.mark.parametrize("line", ["clip,10", "clip,10,dog", ",10,3", "clip;10;3", "clip,10," + "3" * 5000])
def test_a_line_that_cannot_be_right_is_named(root: Path, line: str) -> None:
    with (root / "kinetic_sound_my_test.txt").open("a") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(InputError, match=r"kinetic_sound_my_test\.txt, line 5 is not `clip,seconds,label`"):
        kinetics_sounds.read(root, RECIPE)


def test_a_clip_listed_twice_is_named(root: Path) -> None:
    with (root / "kinetic_sound_my_test.txt").open("a") as stream:
        stream.write(f"{clip(0, 4, 'train')},10,4\n")
    with pytest.raises(InputError, match=f"duplicate id: {clip(0, 4, 'train')}"):
        kinetics_sounds.read(root, RECIPE)


def test_missing_lists_are_named(root: Path) -> None:
    (root / "kinetic_sound_my_test.txt").unlink()
    with pytest.raises(InputError, match=r"the list kinetic_sound_my_test\.txt is neither in"):
        kinetics_sounds.read(root, RECIPE)


def test_lists_without_clips_are_refused(root: Path) -> None:
    for file in list(root.rglob("*.m*")):
        file.unlink()
    with pytest.raises(InputError, match="holds no samples of kinetics-sounds: there are 0 media files, of "):
        kinetics_sounds.read(root, RECIPE)


def test_names_that_are_not_looked_for_are_told(root: Path) -> None:
    for number, file in enumerate(sorted(root.rglob("*.m*"))):
        file.rename(root / f"film {number}.mp4")
    with pytest.raises(
        InputError, match=r"there are 20 media files, such as film 0\.mp4, .* such as -train04"
    ):
        kinetics_sounds.read(root, RECIPE)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("phSRihyIXGo_1", ("phSRihyIXGo", 1)),
        ("Px-2BW_2AvU_4008", ("Px-2BW_2AvU", 4008)),
        ("--4-0ihtnBU_000058_000068", ("--4-0ihtnBU", 58)),
        ("a_2_b_3_c_4_58_68", ("a_2_b_3_c_4_58_68", None)),
    ],
)
def test_names_of_both_lists_tell_video_and_start(listed: str, expected: tuple[str, int | None]) -> None:
    assert kinetics_sounds.moment(listed) == expected


@pytest.mark.parametrize("listed", ["phSRihyIXGo_35", "phSRihyIXGo_000035_000045"])
@pytest.mark.parametrize(
    "file",
    [
        "_35.mp4",
        "_000035.MKV",
        "_35_45.mov",
        "_000035_000045.MOV",
        "_35000_45000.flv",
        "_035000_045000.m4v",
        ".webm",
    ],
)
def test_clips_of_both_lists_are_found_under_all_usual_names(root: Path, listed: str, file: str) -> None:
    media(root, clip(0, 4, "test")).rename(root / f"phSRihyIXGo{file}")
    tested = root / "kinetic_sound_my_test.txt"
    tested.write_text(tested.read_text().replace(clip(0, 4, "test"), listed))
    source = kinetics_sounds.read(root, RECIPE)
    assert source.splits["official"][source.ids.index(listed)] == "test"


def test_the_name_of_a_video_is_no_clip_where_several_of_it_are_listed(root: Path) -> None:
    media(root, clip(0, 4, "test")).rename(root / "phSRihyIXGo.mp4")
    tested = root / "kinetic_sound_my_test.txt"
    listed = tested.read_text().replace(clip(0, 4, "test"), "phSRihyIXGo_35")
    tested.write_text(f"{listed}phSRihyIXGo_95,10,4\n")
    source = kinetics_sounds.read(root, RECIPE)
    assert [source.ids[row] for row in source.lacking()] == ["phSRihyIXGo_35", "phSRihyIXGo_95"]


@pytest.mark.parametrize("suffix", [".mov", ".flv", ".m4v", ".MP4"])
def test_clips_in_other_containers_are_decoded(
    root: Path, film: Callable[..., Path], tone: Callable, suffix: str
) -> None:
    name, made = clip(0, 4, "test"), root.parent / "made"
    media(root, name).unlink()
    codec, rate = ("flv1", 44_100) if suffix == ".flv" else ("mpeg4", 48_000)
    sound = ("aac", rate, tone(0.5, rate))
    written = film(made.with_suffix(suffix.lower()), np.full((12, 32, 32, 3), 90, np.uint8), codec, sound)
    shutil.move(written, root / f"{name}{suffix}")
    source = kinetics_sounds.read(root, RECIPE)
    assert source.load(source.ids.index(name))["visual"].mean() == pytest.approx(90, abs=6)


def cut(root: Path, name: str, film_file: Path, place: str) -> None:
    """Frames 0.jpg, 1.jpg, ... 11.jpg, ever brighter, and the sound of a clip, in place of its film."""
    folder = root / place / name
    folder.mkdir(parents=True)
    for number in range(12):
        Image.new("RGB", (20, 10), (20 * number,) * 3).save(folder / f"{number}.jpg")
    waveform = read_track(film_file, 48_000)
    (root / "audio").mkdir(exist_ok=True)
    soundfile.write(root / "audio" / f"{name}.wav", np.stack([waveform, waveform], axis=1), 48_000)
    film_file.unlink()


@pytest.mark.parametrize("place", ["visual/Image-01-FPS", "Image-01-FPS", "train/visual/Image-03-FPS"])
def test_frames_and_sound_stand_for_a_film_that_is_not_there(root: Path, place: str) -> None:
    name = clip(0, 4, "test")
    before = kinetics_sounds.read(root, RECIPE).load(0)
    cut(root, name, media(root, name), place)
    source = kinetics_sounds.read(root, RECIPE)
    assert source.note == "frames of 1 of 20 clips are pictures that others cut from films."
    assert not source.lacking()
    after = source.load(0)
    assert after["visual"].mean(axis=(1, 2, 3)) == pytest.approx([60, 180], abs=3)  # of 12: number 3 and 9
    assert np.corrcoef(after["audio"].ravel(), before["audio"].ravel())[0, 1] > 0.99


def test_a_film_is_preferred_to_its_frames(root: Path) -> None:
    name = clip(0, 4, "test")
    kept = shutil.copy(media(root, name), root.parent / media(root, name).name)
    cut(root, name, media(root, name), "visual/Image-01-FPS")
    shutil.move(kept, root)
    source = kinetics_sounds.read(root, RECIPE)
    assert source.note == ""
    assert source.load(0)["visual"].std() < 10


def test_frames_without_any_sound_are_told_in_a_sentence(root: Path) -> None:
    for file in sorted(root.rglob("*.m*")):
        cut(root, file.stem, file, "visual/Image-01-FPS")
    shutil.rmtree(root / "audio")
    with pytest.raises(InputError, match="no sound of any clip: AudioWAV is missing"):
        kinetics_sounds.read(root, RECIPE)


def test_the_published_lists_have_their_sizes(real_data: Path) -> None:
    lists = real_data / "av_lists"
    trained = kinetics_sounds.listed(lists / "kinetic_sound_my_train.txt", "train")
    tested = kinetics_sounds.listed(lists / "kinetic_sound_my_test.txt", "test")
    assert (len(trained), len(tested)) == (14_799, 2_597)
    assert all(isinstance(found.start, int) and len(found.video) == 11 for found in [*trained, *tested])
    assert sorted({found.label for found in trained}) == [f"{number:02d}" for number in range(31)]


def test_real_clips_are_prepared_from_the_command_line(real_data: Path, tmp_path: Path) -> None:
    """Real clips under the names of some published ones of two classes."""
    real = sorted((real_data / "av_clips" / "grid").iterdir())
    for name, wanted in (("kinetic_sound_my_train.txt", 8), ("kinetic_sound_my_test.txt", 2)):
        lines = (real_data / "av_lists" / name).read_text().splitlines()
        kept = [
            line for label in ("3", "30") for line in [x for x in lines if x.endswith(f",{label}")][:wanted]
        ]
        (tmp_path / name).write_text("\n".join(kept))
        for number, line in enumerate(kept):
            shutil.copy(real[number % len(real)], tmp_path / f"{line.split(',')[0]}.mpg")
    options = ["--frames", "2", "--image-size", "16", "--workers", "1"]
    out = tmp_path / "out"
    assert main(["kinetics-sounds", "--source", str(tmp_path), "--out", str(out), *options]) == 0
    store = FeatureStore.open(out)
    assert {part: len(rows) for part, rows in store.split().items()} == {
        "train": 14,
        "validation": 2,
        "test": 4,
    }
    assert np.ptp(store.read("audio", [0])[0, 0, :297]) > 5


def test_the_default_recipe_is_that_of_the_published_method() -> None:
    parts = listed_clips.RECIPES["dnr-fbank"].modalities()
    assert {name: part.shape for name, part in parts.items()} == {
        "audio": (1, 1024, 128),
        "visual": (10, 3, 224, 224),
    }


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_methods_run_on_raw_files(root: Path, require_comparison: Callable[..., None]) -> None:
    require_comparison(
        "kinetics-sounds", root, "--frames", "3", "--image-size", "32", "--recipe-set", "time_steps=64"
    )
