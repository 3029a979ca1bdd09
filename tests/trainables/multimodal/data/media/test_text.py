"""Texts as hashed n-grams, and as hidden states of a model that lies on this machine."""

import json
import pickle
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import raw_tweets

from trainables.multimodal.data.media.text import HashedNgrams, HiddenStates, load_text_model
from trainables.multimodal.data.recipes import read_folder
from trainables.multimodal.errors import InputError

MISSING = "the package transformers (extra `text`) is not installed"


def test_texts_share_places_for_the_words_they_share() -> None:
    one, same, other = (HashedNgrams()(text) for text in ("What a day", "what a  DAY", "lovely rain"))
    assert (one.shape, one.dtype) == ((2048,), np.float32)
    np.testing.assert_array_equal(one, same)
    assert abs(one @ other) < 0.1


def test_the_order_of_words_counts_up_to_the_longest_run() -> None:
    runs, words = HashedNgrams(), HashedNgrams(ngrams=1)
    assert not np.array_equal(runs("you love me"), runs("me love you"))
    np.testing.assert_array_equal(words("you love me"), words("me love you"))


def test_a_vector_has_length_one_and_six_places_for_three_words() -> None:
    vector = HashedNgrams(text_features=100_000)("you love me")
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert np.count_nonzero(vector) == 6


def test_signs_and_single_letters_are_words() -> None:
    vectors = [HashedNgrams()(text) for text in ("$T$", "! !", "a")]
    assert all(np.count_nonzero(vector) for vector in vectors)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers", reason=MISSING)
    return raw_tweets.write_text_model(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """No model of another test is at hand."""
    load_text_model.cache_clear()


def states(folder: Path, **changes: Any) -> HiddenStates:
    return HiddenStates(read_folder("text_model", str(folder)), **changes)


def direct(folder: Path, text: str) -> np.ndarray:
    """Last hidden states [T, D] as transformers gives them."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        found: np.ndarray = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
    return found


def test_a_short_text_is_filled_up_with_steps_of_zeros(folder: Path) -> None:
    found = states(folder, tokens=12)("what a lovely day")
    assert (found.shape, found.dtype) == ((12, 16), np.float16)
    np.testing.assert_allclose(found[:6], direct(folder, "what a lovely day"), atol=2e-3)
    assert found[:6].any(axis=1).all()
    assert not found[6:].any()


def test_a_long_text_is_cut_and_still_ended(folder: Path) -> None:
    found = states(folder, tokens=4)("what a lovely day in rain")
    np.testing.assert_allclose(found, direct(folder, "what a"), atol=2e-3)


def test_the_length_changes_nothing_but_the_filling(folder: Path) -> None:
    short, long = (states(folder, tokens=tokens)("what a day") for tokens in (6, 20))
    np.testing.assert_array_equal(short, long[:6])


def test_the_modality_is_a_sequence(folder: Path) -> None:
    modality = states(folder).modality  # 64 tokens are more than this model takes
    with pytest.raises(InputError, match=r"tokens must lie in 3\.\.32 for this text model, got 64"):
        modality("text")
    described = states(folder, tokens=20).modality("text")
    assert (described.shape, described.dtype, described.mean) == ((20, 16), "float16", None)


def test_too_few_tokens_for_the_marks_of_the_model_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"tokens must lie in 3\.\.32 for this text model, got 2"):
        states(folder, tokens=2).modality("text")


def test_it_can_be_handed_to_another_process(folder: Path) -> None:
    part = states(folder, tokens=8)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(part))("a day"), part("a day"))


def test_nothing_is_downloaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("somebody wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert states(folder, tokens=8)("a day").any()


def test_without_a_model_the_option_is_named() -> None:
    with pytest.raises(InputError, match="--recipe-set text_model=DIR"):
        HiddenStates().modality("text")


def test_without_the_package_its_installation_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install -c requirements\.txt -e '\.\[text\]'"):
        states(tmp_path).modality("text")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"{ no")])
def test_half_a_model_is_refused(folder: Path, tmp_path: Path, name: str, damage: Any) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    damage(copy / name)
    with pytest.raises(InputError, match="holds no model that can be loaded"):
        states(copy, tokens=8).modality("text")


def test_a_model_without_its_words_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"the tokenizer in .* knows 5 tokens and the model 15"):
        states(copy, tokens=8).modality("text")


def test_weights_that_are_missing_are_never_made_up(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(InputError, match=r"lacks weights \(16, such as encoder\.layer\.2"):
        states(copy, tokens=8).modality("text")


def test_another_model_is_another_recipe(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason=MISSING)
    other = raw_tweets.write_text_model(tmp_path / "other", seed=1)
    one, two = (states(path, tokens=8) for path in (folder, other))
    assert one.text_model.sha256 != two.text_model.sha256
    assert not np.array_equal(one("a day"), two("a day"))
