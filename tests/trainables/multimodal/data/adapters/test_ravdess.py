"""RAVDESS: from a table and from the published files, split by actor number."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from trainables.multimodal.data.adapters import ravdess
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.errors import InputError


def write(root: Path, **changes: Any) -> None:
    """24 actors, each emotion once."""
    count = 24 * 8
    arrays = {
        "clip": np.array([f"clip-{row}" for row in range(count)]),
        "emotion": np.arange(count, dtype=np.int8) % 8,
        "actor": (np.arange(count) // 8 + 1).astype(np.int8),
        "face_au": np.arange(count * 35, dtype=np.float32).reshape(count, 35),
        "logmel": np.full((count, 200, 64), 9, np.uint8),
    }
    kept = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
    np.savez_compressed(root / ravdess.TABLE, **kept)


def test_modalities_are_units_of_the_face_and_an_image_of_the_voice(tmp_path: Path) -> None:
    write(tmp_path)
    arrays = ravdess.read(tmp_path).load(1)
    assert (arrays["face_au"].shape, arrays["face_au"].dtype, arrays["face_au"][0]) == ((35,), np.float32, 35)
    assert (arrays["logmel"].shape, arrays["logmel"].dtype) == ((1, 200, 64), np.uint8)


def test_the_default_split_is_by_actor_number(tmp_path: Path) -> None:
    write(tmp_path)
    source = ravdess.read(tmp_path)
    parts = source.splits[source.default_split]
    assert source.default_split == "ravdess-16-4-4"
    assert [parts.count(part) // 8 for part in ("train", "validation", "test")] == [16, 4, 4]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"logmel": None}, "lacks the array logmel"),
        ({"face_au": np.zeros((192, 34))}, r"face_au is \(192, 34\) instead of \(192, 35\)"),
        ({"actor": np.ones(5, np.int8)}, "actor is"),
        ({"emotion": np.full(192, 8)}, r"emotion must lie in 0\.\.7, got 8\.\.8"),
        ({"actor": np.full(192, np.nan)}, "actor holds float64"),
        ({"face_au": np.full((192, 35), "x")}, "face_au holds <U1"),
        ({"clip": np.array("alone")}, "emotion is"),
        ({"clip": np.array(["same"] * 192)}, "duplicate id: same"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    write(tmp_path, **change)
    with pytest.raises(InputError, match=complaint):
        ravdess.read(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ravdess_av\.npz is missing"):
        ravdess.read(tmp_path)


def test_a_table_takes_no_recipe_parameters(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(
        InputError, match=r"ravdess_av\.npz is stored as it is: it takes no recipe parameters"
    ):
        read_source("ravdess", tmp_path, settings={"frames": "3"})


SMALL = {"image_size": "16", "mel_bins": "16", "time_steps": "40"}
PLACES = [
    ("Actor_{a}/", "Actor_{a}/"),
    ("Audio_Speech_Actors_01-24/Actor_{a}/", "Video_Speech_Actor_{a}/Actor_{a}/"),
    ("audio_speech_actors_01-24/Actor_{a}/", "a/b/c/"),
    ("", ""),
]


def lay(root: Path, sound: str = "", film: str = "", repetitions: int = 1, actors: int = 24) -> None:
    """Every actor says every sentence with every emotion; all files are empty."""
    numbers = [range(1, 9), (1, 2), (1, 2), range(1, repetitions + 1), range(1, actors + 1)]
    for emotion, intensity, *rest in product(*numbers):
        if (emotion, intensity) != (1, 2):  # the neutral emotion has one intensity
            clip = "-".join(f"{number:02d}" for number in (emotion, intensity, *rest))
            for place, name in ((sound, f"03-01-{clip}.wav"), (film, f"01-01-{clip}.mp4")):
                file = root / place.format(a=clip[-2:]) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()


def without_sound(film: Path) -> None:
    """Give a film the name of one without sound."""
    film.rename(film.with_name(f"02{film.name[2:]}"))


@pytest.mark.parametrize(("sound", "film"), PLACES)
def test_the_published_files_are_found_at_any_depth(tmp_path: Path, sound: str, film: str) -> None:
    lay(tmp_path, sound, film, actors=6)
    source = ravdess.read(tmp_path)
    row = source.ids.index("01-01-06-01-02-01-05")
    assert source.groups is not None
    assert (source.classes[source.labels[row]], source.groups[row]) == ("fearful", "05")
    assert {name: modality.shape for name, modality in source.modalities.items()} == {
        "face": (2, 3, 224, 224),
        "logmel": (1, 1024, 128),
    }
    assert (len(source.ids), source.lacking()) == (6 * 30, {})


def test_they_are_the_clips_of_the_table_with_its_splits(tmp_path: Path, real_data: Path) -> None:
    lay(tmp_path, "Actor_{a}", "Actor_{a}", repetitions=2)
    table, files = ravdess.read(real_data / "ravdess_av"), ravdess.read(tmp_path)
    order = [files.ids.index(clip) for clip in table.ids]
    assert sorted(table.ids) == sorted(files.ids)
    assert [files.labels[row] for row in order] == list(table.labels)
    assert {p: [parts[row] for row in order] for p, parts in files.splits.items()} == table.splits


def test_songs_and_films_without_sound_are_passed_over(tmp_path: Path) -> None:
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=6)
    before = ravdess.read(tmp_path)
    for file in sorted(tmp_path.rglob("*.*")):
        file.with_name(file.name.replace("-01-", "-02-", 1)).touch()
        if file.suffix == ".mp4":
            file.with_name(f"02{file.name[2:]}").touch()
    assert ravdess.read(tmp_path).files == before.files


def test_films_without_sound_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=6)
    for film in sorted(tmp_path.rglob("*.mp4")):
        without_sound(film)
    source = ravdess.read(tmp_path)
    assert source.lacking() == {}
    assert source.ids[0] == "01-01-01-01-01-01-01"


def test_a_doubled_folder_counts_once_if_its_files_are_the_same(tmp_path: Path) -> None:
    lay(tmp_path, "Actor_{a}", "video/Actor_{a}", actors=6)
    before = ravdess.read(tmp_path)
    for folder in sorted(tmp_path.glob("Actor_*")):
        shutil.copytree(folder, tmp_path / "audio_speech_actors_01-24" / folder.name)
    assert ravdess.read(tmp_path).files == before.files
    (tmp_path / "audio_speech_actors_01-24" / "Actor_03" / "03-01-01-01-01-01-03.wav").write_bytes(b"other")
    with pytest.raises(InputError, match="03-01-01-01-01-01-03 is there twice"):
        ravdess.read(tmp_path)


@pytest.mark.parametrize("name", ["03-01-06-01-02-01-12.wav", "01-01-06-01-02-01-12.mp4"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    lay(tmp_path, "a/Actor_{a}", "b/Actor_{a}", actors=12)
    without_sound(tmp_path / "b/Actor_12/01-01-06-01-02-01-12.mp4")
    next(file for file in tmp_path.rglob(f"*{name[5:]}") if file.suffix == name[-4:]).unlink()
    assert list(ravdess.read(tmp_path).lacking().values()) == [f"Actor_12/{name} is missing"]


@pytest.mark.parametrize("gone", ["Actor_03/*.wav", "Actor_*/*.wav"])
def test_the_sound_of_a_film_stands_for_a_wav_file_that_is_missing(tmp_path: Path, gone: str) -> None:
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=6)
    missing = sorted(tmp_path.glob(gone))
    before = ravdess.read(tmp_path)
    for file in missing:
        file.unlink()
    source = ravdess.read(tmp_path)
    assert (source.ids, source.lacking(), before.note) == (before.ids, {}, "")
    assert source.note == f"the sound of {len(missing)} of 180 clips is that of their films."
    assert sum(len(files) == 1 for files in source.sample_files) == len(missing)


def test_films_with_and_without_sound_may_lie_beside_wav_files(tmp_path: Path) -> None:
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=6)
    for film in sorted(tmp_path.glob("Actor_0[12]/*.mp4")):
        without_sound(film)
    for sound in sorted(tmp_path.glob("Actor_03/*.wav")):
        sound.unlink()
    source = ravdess.read(tmp_path)
    assert (len(source.ids), source.lacking()) == (180, {})
    assert source.note.startswith("the sound of 30 of 180 clips")


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("*.wav", r"no sound of any clip: 03-01-\*\.wav is missing"),
        ("*.mp4", r"no film of any clip: 01-01-\*\.mp4"),
    ],
)
def test_sound_or_films_that_are_missing_altogether_are_one_sentence(
    tmp_path: Path, pattern: str, complaint: str
) -> None:
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=2)
    for film in sorted(tmp_path.rglob("*.mp4")):
        without_sound(film)
    for file in sorted(tmp_path.rglob(pattern)):
        file.unlink()
    with pytest.raises(InputError, match=complaint):
        ravdess.read(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["memo.wav", "03-01-09-01-01-01-01.wav", "03-01-01-01-01-01-25.wav", "03-01-01-01-01-01-00.wav",
     "01-01-01-01-01-01-01.wav", "03-03-01-01-01-01-01.wav", "holiday.mp4", "03-01-01-01-01-01.wav"],
)  # fmt: skip
def test_a_foreign_file_is_named(tmp_path: Path, name: str) -> None:
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=2)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name} has no name of RAVDESS"):
        ravdess.read(tmp_path)


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (48_000, 2), (44_100, 1), (16_000, 1)])
def test_a_clip_becomes_moments_of_the_face_and_the_sound_at_any_rate(
    tmp_path: Path, film: Callable[..., Path], tone: Callable, rate: int, channels: int
) -> None:
    recipe = ravdess.RECIPES["dnr-fbank"].changed(SMALL)
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=1)
    pictures = np.stack([np.full((32, 32, 3), 20 * step, np.uint8) for step in range(12)])
    film(tmp_path / "Actor_01" / "01-01-01-01-01-01-01.mp4", pictures)
    wave = tone(0.5, rate, (0.5,) * channels)
    soundfile.write(tmp_path / "Actor_01" / "03-01-01-01-01-01-01.wav", wave.T, rate)
    arrays = ravdess.read(tmp_path, recipe).load(0)
    assert arrays["face"].mean(axis=(1, 2, 3)) == pytest.approx([60, 180], abs=8)
    expected = recipe.parts["logmel"].energies(tone(0.5, 16_000)[0])
    assert np.abs(arrays["logmel"][0, 1:47] - expected[0, 1:47])[:, 2:12].mean() < 0.7


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 1)])
def test_the_sound_of_a_film_is_that_of_its_recording(
    tmp_path: Path, film: Callable[..., Path], tone: Callable, rate: int, channels: int
) -> None:
    recipe = ravdess.RECIPES["dnr-fbank"].changed(SMALL)
    wave = tone(0.5, rate, (0.5,) * channels)
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=1)
    film(
        tmp_path / "Actor_01" / "01-01-01-01-01-01-01.mp4",
        np.zeros((12, 32, 32, 3), np.uint8),
        sound=("aac", rate, wave),
    )
    recording = tmp_path / "Actor_01" / "03-01-01-01-01-01-01.wav"
    soundfile.write(recording, wave.T, rate)
    expected = ravdess.read(tmp_path, recipe).load(0)["logmel"]
    recording.unlink()
    found = ravdess.read(tmp_path, recipe).load(0)["logmel"]
    loudest = expected[0, 10].argmax()
    assert found[0, 10].argmax() == loudest
    assert np.abs(found - expected)[0, 5:40, loudest].max() < 0.2


def test_a_film_without_a_track_gives_no_sound(tmp_path: Path, film: Callable[..., Path]) -> None:
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=1)
    film(tmp_path / "Actor_01" / "01-01-01-01-01-01-01.mp4", np.zeros((5, 32, 32, 3), np.uint8))
    (tmp_path / "Actor_01" / "03-01-01-01-01-01-01.wav").unlink()
    with pytest.raises(InputError, match=r"01-01-01-01-01-01-01\.mp4 has no sound track"):
        ravdess.read(tmp_path).load(0)


def test_a_recording_that_is_cut_short_is_named(
    tmp_path: Path, film: Callable[..., Path], tone: Callable
) -> None:
    lay(tmp_path, "Actor_{a}", "Actor_{a}", actors=1)
    film(tmp_path / "Actor_01" / "01-01-01-01-01-01-01.mp4", np.zeros((5, 32, 32, 3), np.uint8))
    sound = tmp_path / "Actor_01" / "03-01-01-01-01-01-01.wav"
    soundfile.write(sound, tone(0.5, 48_000)[0], 48_000)
    sound.write_bytes(sound.read_bytes()[:-5_000])
    with pytest.raises(InputError, match=r"03-01-01-01-01-01-01\.wav is cut short"):
        ravdess.read(tmp_path).load(0)


def test_the_real_file_is_complete(real_data: Path) -> None:
    source = ravdess.read(real_data / "ravdess_av")
    parts = source.splits["ravdess-16-4-4"]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [960, 240, 240]
    assert source.ids[0] == "01-01-01-01-01-01-01"
