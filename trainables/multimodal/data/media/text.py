"""Text recipes: from words to the array that a store keeps. Nothing is fitted and nothing is downloaded."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from trainables.multimodal.data.media.one_thread import one_thread
from trainables.multimodal.data.recipes import Folder, between, read_folder
from trainables.multimodal.data.store.feature_store import Modality
from trainables.multimodal.errors import InputError

UNLOADABLE: Final = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)
"""What transformers was seen to raise on folders that hold no model, or half of one."""


@dataclass(frozen=True)
class HashedNgrams:
    """Which words and runs of words a text has, each at a place that a hash of it gives.

    Words are what stands between spaces, in lower case; the vector is signed and has length 1. There is no
    vocabulary, so that no part of the data can leak into another through it.
    """

    text_features: int = 2048
    """Length of the vector."""
    ngrams: int = field(default=3, metadata=between(1, 100))
    """Longest run of words."""

    def modality(self, name: str) -> Modality:
        """A vector [text_features] float32."""
        return Modality(name, (self.text_features,), "float32")

    def __call__(self, text: str) -> NDArray[np.float32]:
        """The vector [text_features] of one text."""
        from sklearn.feature_extraction.text import HashingVectorizer  # takes seconds to import

        counter = HashingVectorizer(
            token_pattern=r"\S+",  # noqa: S106 - an expression for words
            ngram_range=(1, self.ngrams),
            n_features=self.text_features,
            dtype=np.float32,
        )
        vector: NDArray[np.float32] = counter.transform([text]).toarray()[0]
        return vector


@dataclass(frozen=True)
class HiddenStates:
    """Last hidden states of a text model that is never trained, from a folder of transformers' files.

    One step per token, the model's own marks of start and end among them. A longer text is cut; a shorter one
    is filled up with steps of zeros, which encoders of sequences take for padding.
    """

    text_model: Folder | None = field(default=None, metadata={"read": read_folder})
    tokens: int = 64
    """Steps of the sequence."""

    def modality(self, name: str) -> Modality:
        """A sequence [tokens, hidden size] float16; InputError where the model cannot be used."""
        tokenizer, model = load_text_model(_given(self.text_model))
        _require_room(self.tokens, tokenizer, model)
        return Modality(name, (self.tokens, model.config.hidden_size), "float16")

    def __call__(self, text: str) -> NDArray[np.float16]:
        """The sequence [tokens, hidden size] of one text."""
        tokenizer, model = load_text_model(_given(self.text_model))
        encoded = tokenizer(text, truncation=True, max_length=self.tokens, return_tensors="pt")
        with torch.inference_mode(), one_thread():
            states = model(**encoded).last_hidden_state[0].numpy()
        result = np.zeros((self.tokens, states.shape[1]), dtype=np.float16)
        result[: len(states)] = states
        return result


@lru_cache(maxsize=1)
def load_text_model(folder: Folder) -> tuple[Any, Any]:
    """Tokenizer and model in a folder, for inference in float32; once per process.

    Raises InputError: transformers is not installed, or the folder lacks a part of the model.
    """
    transformers = _transformers()
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder.path, **local)
        model, loaded = transformers.AutoModel.from_pretrained(
            folder.path, dtype=torch.float32, output_loading_info=True, **local
        )
    except UNLOADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"text_model: {folder.path} holds no model that can be loaded ({reason})") from error
    _require_encoder(folder, model, loaded["missing_keys"])
    _require_words(folder, tokenizer, model)
    return tokenizer, model.eval()


def _given(folder: Folder | None) -> Folder:
    if folder is None:
        raise InputError(
            "this recipe needs a text model: name its folder with --recipe-set text_model=DIR "
            "(config.json, weights and tokenizer as transformers saves them)"
        )
    return folder


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise InputError(
            "this recipe needs the package transformers: run `pip install -c requirements.txt -e '.[text]'`"
        ) from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _require_encoder(folder: Folder, model: Any, missing: Any) -> None:
    """Missing weights would be random numbers; a pooler's are never used."""
    if model.config.is_encoder_decoder:
        raise InputError(f"text_model: {folder.path} is an encoder with a decoder: take a model such as BERT")
    if lacking := sorted(key for key in missing if "pooler" not in key):
        raise InputError(
            f"text_model: {folder.path} lacks weights ({len(lacking)}, such as {lacking[0]}): take all files"
        )


def _require_words(folder: Folder, tokenizer: Any, model: Any) -> None:
    """Without its vocabulary, a tokenizer is made all the same, and every word is unknown to it."""
    if not len(set(tokenizer.all_special_ids)) < len(tokenizer) <= model.config.vocab_size:
        raise InputError(
            f"text_model: the tokenizer in {folder.path} knows {len(tokenizer)} tokens and the model "
            f"{model.config.vocab_size}: take all files of one model"
        )


def _require_room(tokens: int, tokenizer: Any, model: Any) -> None:
    """The model's marks and at least one token have to fit in, and all tokens into the model."""
    least = tokenizer.num_special_tokens_to_add() + 1
    most = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", tokens))
    if not least <= tokens <= most:
        raise InputError(f"tokens must lie in {least}..{most} for this text model, got {tokens}")
