"""The table of data sets, and opening a store."""

from pathlib import Path

import pytest

from trainables.multimodal.data.datasets import open_store, read_source
from trainables.multimodal.errors import InputError


def test_an_unknown_data_set_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown data set mnist: known are cremad, "):
        read_source("mnist", tmp_path)


def test_a_recipe_is_chosen_by_name_and_changed(raw: Path) -> None:
    source = read_source("cremad", raw, recipe="dnr-fbank", settings={"time_steps": "50"})
    assert source.recipe["time_steps"] == 50


def test_an_unknown_recipe_is_named(raw: Path) -> None:
    with pytest.raises(InputError, match="unknown recipe mfcc: cremad has dnr-fbank"):
        read_source("cremad", raw, recipe="mfcc")


def test_data_that_are_stored_as_they_are_take_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cremad-votes is stored as it is"):
        read_source("cremad-votes", tmp_path, settings={"frames": "3"})


@pytest.mark.parametrize(
    ("name", "file"),
    [("cremad", "AudioWAV/x.wav"), ("cremad-votes", "tabulatedVotes.csv"), ("ravdess", "ravdess_av.npz"),
     ("ravdess", "Actor_01/03-01-01-01-01-01-01.wav"), ("ravdess", "a/Actor_24/01-01-01-01-01-01-24.mp4"),
     ("features", "mine.parquet"), ("ucf101", "UCF-101/Diving/v_Diving_g01_c01.avi"),
     ("kinetics-sounds", "kinetic_sound_my_train.txt"), ("vggsound", "lists/vggsound.csv"),
     ("nvgesture", "nvgesture_train_correct_cvpr2016_v2.lst"),
     ("twitter15", "twitter2015/train.tsv"), ("sarcasm", "dataset_image/1.jpg")],
)  # fmt: skip
def test_raw_files_are_answered_with_the_command_that_prepares_them(
    tmp_path: Path, name: str, file: str
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    with pytest.raises(
        InputError, match=f"python -m study.prepare {name} --source {tmp_path} --out data/{name}"
    ):
        open_store(tmp_path)


def test_a_folder_of_anything_else_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no prepared store"):
        open_store(tmp_path)
