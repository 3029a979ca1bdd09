"""CREMA-D from its raw layout, good and bad."""

import csv
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.adapters import cremad
from trainables.multimodal.data.media.frame_folders import frame_folders
from trainables.multimodal.data.preparing.verify import verify
from trainables.multimodal.data.preparing.writer import stored_samples, write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.data.store.manifest import data_digest
from trainables.multimodal.errors import InputError
from trainables.multimodal.model import load_model
from trainables.multimodal.trainer import Trainer

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 72862\n"


@pytest.fixture
def clip(raw: Path) -> str:
    return min(file.stem for file in (raw / "AudioWAV").iterdir())


def test_names_tell_actor_and_emotion(raw: Path, tiny_recipe: Recipe) -> None:
    source = cremad.read(raw, tiny_recipe)
    row = source.ids.index("9002_IEO_FEA_XX")
    assert source.groups is not None
    assert (source.groups[row], source.classes[source.labels[row]]) == ("9002", "FEA")


def test_a_clip_becomes_sound_and_pictures(raw: Path, tiny_recipe: Recipe) -> None:
    source = cremad.read(raw, tiny_recipe)
    arrays = source.load(7)
    clip = source.ids[7]
    np.testing.assert_array_equal(
        arrays["audio"], tiny_recipe.parts["audio"](raw / "AudioWAV" / f"{clip}.wav")
    )
    np.testing.assert_array_equal(
        arrays["visual"], tiny_recipe.parts["visual"](raw / "VideoFlash" / f"{clip}.flv")
    )


def test_loading_can_be_handed_to_another_process(raw: Path, tiny_recipe: Recipe) -> None:
    load = cremad.read(raw, tiny_recipe).load
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(load))(0)["audio"], load(0)["audio"])


def test_the_published_normalisation_is_that_of_audioset(raw: Path) -> None:
    audio = cremad.read(raw, cremad.RECIPES["dnr-fbank"]).modalities["audio"]
    assert (audio.shape, audio.mean, audio.std) == ((1, 1024, 128), (-4.503877,), (10.282552,))


def test_actors_are_disjoint_by_default(raw: Path, tiny_recipe: Recipe) -> None:
    source = cremad.read(raw, tiny_recipe)
    assert source.default_split == "actor-disjoint"
    assert len(set(zip(source.groups or [], source.splits["actor-disjoint"], strict=True))) == 3


@pytest.mark.parametrize(
    "names", [("relearn_my_train", "relearn_val", "relearn_test"), ("my_train", "val", "test")]
)
def test_the_split_of_dnr_is_that_of_its_lists(
    raw: Path, tiny_recipe: Recipe, names: tuple[str, ...]
) -> None:
    for old, new in zip(("relearn_my_train", "relearn_val", "relearn_test"), names, strict=True):
        (raw / f"{old}.csv").rename(raw / f"{new}.csv")
    source = cremad.read(raw, tiny_recipe)
    with (raw / f"{names[1]}.csv").open() as stream:
        listed = {row[0] for row in csv.reader(stream)}
    dnr = zip(source.ids, source.splits["dnr"], strict=True)
    assert {clip for clip, part in dnr if part == "validation"} == listed


def test_the_official_split_holds_out_a_tenth_of_training(raw: Path, tiny_recipe: Recipe) -> None:
    parts = cremad.read(raw, tiny_recipe).splits["official"]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [96, 12, 36]


def test_without_lists_only_actors_split(raw: Path, tiny_recipe: Recipe) -> None:
    for file in raw.glob("*.csv"):
        file.unlink()
    assert list(cremad.read(raw, tiny_recipe).splits) == ["actor-disjoint"]


def test_generated_clips_are_a_sample_and_others_are_not(raw: Path, tiny_recipe: Recipe) -> None:
    assert cremad.read(raw, tiny_recipe).is_sample
    (raw / cremad.SAMPLE_MARK).unlink()
    assert not cremad.read(raw, tiny_recipe).is_sample


def test_media_that_were_never_fetched_are_named_at_once(raw: Path, clip: str, tiny_recipe: Recipe) -> None:
    (raw / "AudioWAV" / f"{clip}.wav").write_text(POINTER)
    with pytest.raises(InputError, match=rf"{clip}\.wav is a Git-LFS pointer.*1 of 288.*git lfs pull"):
        cremad.read(raw, tiny_recipe)


def test_every_broken_clip_is_named(raw: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    clips = sorted(file.stem for file in (raw / "AudioWAV").iterdir())
    (raw / "AudioWAV" / f"{clips[0]}.wav").write_bytes(b"")
    (raw / "VideoFlash" / f"{clips[1]}.flv").unlink()
    flv = raw / "VideoFlash" / f"{clips[2]}.flv"
    flv.write_bytes(flv.read_bytes()[: flv.stat().st_size // 2])
    source = cremad.read(raw, tiny_recipe)
    with pytest.raises(InputError, match=rf"^1 of 144 samples .*\n.*\n.*{clips[1]}\.flv is missing"):
        write_store(source, tmp_path / "store")
    with pytest.raises(InputError) as caught:
        write_store(source, tmp_path / "store", skip_up_to=0.01)
    reasons = [f"{clips[0]}.wav is empty", f"{clips[1]}.flv is missing", f"{clips[2]}.flv is "]
    assert [reason for reason in reasons if reason not in str(caught.value)] == []


def cut(raw: Path, place: str, clips: list[str]) -> None:
    """Frames 00000.jpg to 00002.jpg, ever brighter, in place of the films of these clips."""
    for clip in clips:
        (raw / place / clip).mkdir(parents=True)
        (raw / "VideoFlash" / f"{clip}.flv").unlink()
        for number in range(3):
            Image.new("RGB", (20, 10), (80 * number,) * 3).save(raw / place / clip / f"{number:05d}.jpg")


@pytest.mark.parametrize("place", ["visual/Image-01-FPS", "Image-01-FPS", "frames/image-10-fps"])
def test_frames_stand_for_films_that_are_not_there(raw: Path, tiny_recipe: Recipe, place: str) -> None:
    clips = sorted(file.stem for file in (raw / "VideoFlash").iterdir())
    before = cremad.read(raw, tiny_recipe)
    cut(raw, place, clips[:2])
    (raw / place / "._x.jpg").touch()
    (raw / place / clips[0] / "Thumbs.db").touch()
    (raw / place / clips[0] / "00001 (1).jpg").touch()
    source = cremad.read(raw, tiny_recipe)
    assert (source.ids, source.splits) == (before.ids, before.splits)
    assert source.note == "frames of 2 of 144 clips are pictures that others cut from films."
    assert source.lacking() == {}
    visual = source.load(1)["visual"]
    assert visual.mean(axis=(1, 2, 3)) == pytest.approx([0, 160], abs=3)
    names = [file.name for file in source.sample_files[1]]
    assert names == [f"{clips[1]}.wav", "00000.jpg", "00002.jpg"]
    assert set(source.sample_files[1]) <= set(source.files)


def test_frames_of_all_clips_need_no_folder_of_films(raw: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    clips = sorted(file.stem for file in (raw / "VideoFlash").iterdir())
    cut(raw, "visual/Image-01-FPS", clips)
    (raw / "VideoFlash").rmdir()
    store = write_store(cremad.read(raw, tiny_recipe), tmp_path / "store")
    assert (len(store), store.note) == (
        144,
        "frames of 144 of 144 clips are pictures that others cut from films.",
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["1.jpg", "10.jpg", "2.jpg"], ["1.jpg", "2.jpg", "10.jpg"]),
        (["frame_000010.PNG", "frame_000009.JPEG"], ["frame_000009.JPEG", "frame_000010.PNG"]),
        (["1001_DFA_ANG_XX_2.jpg", "1001_DFA_ANG_XX_11.jpg", "cover.jpg"],
         ["1001_DFA_ANG_XX_2.jpg", "1001_DFA_ANG_XX_11.jpg"]),
    ],
)  # fmt: skip
def test_frames_are_in_order_of_their_numbers(tmp_path: Path, names: list[str], expected: list[str]) -> None:
    (tmp_path / "Image-01-FPS" / "clip").mkdir(parents=True)
    for name in names:
        (tmp_path / "Image-01-FPS" / "clip" / name).touch()
    assert [file.name for file in frame_folders(tmp_path)["clip"]] == expected


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["a/Image-01-FPS/clip/1.jpg", "b/Image-01-FPS/clip/1.jpg"], "frames of clip are there twice"),
        (["Image-01-FPS/clip/1.jpg", "Image-01-FPS/clip/01.jpg"], "two frames of one number"),
        (
            ["Image-01-FPS/clip/1.jpg", "Image-01-FPS/clip/2 (1).jpg"],
            r"named as a copy, but 2\.jpg is not there",
        ),
    ],
)
def test_frames_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, names: list[str], complaint: str
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=complaint):
        frame_folders(tmp_path)


def test_a_broken_frame_concerns_its_clip_alone(raw: Path, tiny_recipe: Recipe, clip: str) -> None:
    cut(raw, "visual/Image-01-FPS", [clip])
    (raw / "visual/Image-01-FPS" / clip / "00002.jpg").write_bytes(b"no picture")
    source = cremad.read(raw, tiny_recipe)
    with pytest.raises(InputError, match=r"00002\.jpg is no readable picture"):
        source.load(0)
    source.load(1)


def test_what_copying_leaves_is_passed_over(raw: Path, clip: str, tiny_recipe: Recipe) -> None:
    before = cremad.read(raw, tiny_recipe)
    for name in (f"._{clip}.wav", f"{clip} (1).wav", f"{clip} - Copy.wav", "desktop.ini", f"{clip}.wav.part"):
        (raw / "AudioWAV" / name).write_bytes(b"no sound")
    shutil.copytree(raw / "VideoFlash", raw / "VideoFlash" / "__MACOSX")
    assert cremad.read(raw, tiny_recipe).files == before.files


def test_a_foreign_file_is_named(raw: Path, clip: str, tiny_recipe: Recipe) -> None:
    (raw / "AudioWAV" / f"{clip}.wav").rename(raw / "AudioWAV" / "voice memo.wav")
    with pytest.raises(InputError, match="'voice memo' is no clip name of CREMA-D"):
        cremad.read(raw, tiny_recipe)


def test_a_link_out_of_the_source_is_refused(
    raw: Path, clip: str, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    outside = (raw / "AudioWAV" / f"{clip}.wav").rename(tmp_path / "outside.wav")
    (raw / "AudioWAV" / f"{clip}.wav").symlink_to(outside)
    with pytest.raises(InputError, match="leaves the source folder"):
        cremad.read(raw, tiny_recipe)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("../../x,ANG", "is no clip name"),
        ("9001_DFA_ANG_XX,SAD", "is not a clip with its label"),
        ("9001_DFA_ANG_XX", "is not a clip with its label"),
    ],
)
def test_a_line_that_cannot_be_right_is_named(
    raw: Path, tiny_recipe: Recipe, line: str, complaint: str
) -> None:
    with (raw / "ogmge_train.csv").open("a") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(InputError, match=complaint):
        cremad.read(raw, tiny_recipe)


def test_a_listed_clip_without_media_can_be_skipped(raw: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    before = cremad.read(raw, tiny_recipe)
    with (raw / "ogmge_train.csv").open("a") as stream:
        stream.write("9999_DFA_ANG_XX,ANG\n")
    source = cremad.read(raw, tiny_recipe)
    assert source.lacking() == {
        source.ids.index("9999_DFA_ANG_XX"): "AudioWAV/9999_DFA_ANG_XX.wav is missing"
    }
    assert source.splits == {policy: [*parts, ""] for policy, parts in before.splits.items()}
    with pytest.raises(InputError, match=r"9999_DFA_ANG_XX: AudioWAV/9999_DFA_ANG_XX\.wav is missing"):
        write_store(source, tmp_path / "store")
    store = write_store(source, tmp_path / "store", skip_up_to=0.1)
    assert store.digest == write_store(before, tmp_path / "before").digest


def test_a_clip_listed_twice_is_named(raw: Path, tiny_recipe: Recipe) -> None:
    lines = (raw / "ogmge_train.csv").read_text().splitlines()
    (raw / "ogmge_train.csv").write_text("\n".join([*lines, lines[4]]))
    with pytest.raises(InputError, match=f"duplicate id {lines[4].split(',')[0]}"):
        cremad.read(raw, tiny_recipe)


@pytest.mark.parametrize("listed", ["", "9999_DFA_ANG_XX,ANG\n"])
def test_a_folder_without_clips_is_refused(tmp_path: Path, tiny_recipe: Recipe, listed: str) -> None:
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text(listed)
    (tmp_path / "1001_DFA_ANG_XX.wav").touch()  # not in its folder
    wanted = "holds no samples of CREMA-D: it needs AudioWAV/<clip>.wav and VideoFlash/<clip>.flv"
    with pytest.raises(InputError, match=wanted):
        cremad.read(tmp_path, tiny_recipe)


def test_the_published_lists_have_the_published_sizes(real_data: Path) -> None:
    with (real_data / "crema_d_meta" / "summaryTable.csv").open() as stream:
        ids = {row["FileName"] for row in csv.DictReader(stream)}
    splits = cremad.find_clips(real_data / "crema_d_meta", ids, "clips").splits
    sizes = {
        policy: [parts.count(part) for part in ("train", "validation", "test")]
        for policy, parts in splits.items()
    }
    assert sizes["dnr"] == [5954, 744, 744]
    assert sum(sizes["official"][:2]) == 6698
    assert sizes["official"][2] == 744


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_methods_run_on_raw_files(raw: Path, require_comparison: Callable[..., None]) -> None:
    require_comparison("cremad", raw, "--frames", "2", "--image-size", "32", "--recipe-set", "time_steps=64")


@pytest.fixture
def whole(raw: Path, tmp_path: Path) -> FeatureStore:
    """A store of whole frames, of which one clip is twice as broad."""
    recipe = cremad.RECIPES["dnr-fbank-whole"].changed({"frames": "2", **SIZES})
    clip = min((raw / "VideoFlash").iterdir())
    frames = raw / "Image-01-FPS" / clip.stem
    frames.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(draw.integers(0, 256, (24, 48, 3), np.uint8)).save(frames / f"{number:05d}.png")
    clip.unlink()
    return write_store(cremad.read(raw, recipe), tmp_path / "store")


SIZES = {"mel_bins": "16", "time_steps": "40", "image_size": "16", "height": "24", "width": "32"}


def test_a_store_of_whole_frames_keeps_the_aspect_of_every_clip(whole: FeatureStore) -> None:
    assert whole.aspects is not None
    assert whole.aspects.tolist() == [2.0, *[1.0] * (len(whole) - 1)]
    assert whole.modalities["visual"].shape == (2, 3, 24, 32)
    assert whole.modalities["visual"].shown == (16, 16)
    verify(whole.path)


def test_aspects_are_part_of_a_digest(whole: FeatureStore) -> None:
    samples = list(stored_samples(whole))
    other = [replace(samples[0], aspect=1.0), *samples[1:]]
    digests = [data_digest(whole.manifest, [s.digest() for s in each]) for each in (samples, other)]
    assert digests[0] == whole.digest != digests[1]


def test_a_run_on_whole_frames_shows_crops_in_training_and_all_of_them_else(whole: FeatureStore) -> None:
    encoders = {"audio": "resnet10", "visual": "resnet10"}
    small = {"epochs": 1, "width": 0.05, "encoders": encoders, "threads": 1, "device": "cpu"}
    trainer = Trainer(TrainerConfig(data=str(whole.path), split="official", augment=True, **small))
    batch = next(trainer._training_batches())
    assert batch.inputs["visual"].shape[1:] == (1, 3, 16, 16)
    metrics = trainer.run_epoch()
    trainer.export(whole.path.parent / "exported")
    rows = whole.split("official")["validation"]
    model = load_model(whole.path.parent / "exported")
    predicted = model.predict({name: whole.read(name, rows) for name in whole.modalities}).argmax(axis=1)
    assert np.mean(predicted == whole.labels[rows]) == pytest.approx(metrics["validation/accuracy"])
