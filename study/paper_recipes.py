"""What each method's runs by the paper's protocol train with: its published recipe, where it has one."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from search_spaces.published import PUBLISHED, PublishedRecipe
from study.methods import StudyMethod
from study.settings import PaperRecipe
from trainables.multimodal.data.loading.augmentation import is_picture
from trainables.multimodal.data.recipes import WHOLE
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.flat_settings import WEIGHT

UNPUBLISHED: Final = {"precision": "fp32"}
"""Of a method without a recipe for these data; else it trains with its best configuration of the search."""


def paper_recipes(
    store: FeatureStore, methods: Mapping[str, StudyMethod], epochs: int | None, by_hand: Collection[str]
) -> dict[str, PaperRecipe]:
    """The recipe of each method on the data of this store, less the settings that were chosen `by_hand`.

    epochs: what the published number is scaled to, with all that counts epochs; None leaves it.

    Raises InputError: a recipe trains on a split that the store does not have, or cuts crops from frames that
    were squeezed to a square when the store was prepared.
    """
    recipes = {name: _recipe(store.name, name, method, epochs) for name, method in methods.items()}
    left = {
        name: replace(recipe, settings=_without(recipe.settings, {*by_hand, *methods[name].trained.fixed}))
        for name, recipe in recipes.items()
    }
    for name, recipe in left.items():
        _require_split(store, name, recipe.settings.get("split"))
        if recipe.settings.get("augment"):
            _require_whole_frames(store, name)
    return left


def _recipe(data: str, name: str, method: StudyMethod, epochs: int | None) -> PaperRecipe:
    published = _published(data, name, method)
    if published is None:
        return PaperRecipe(UNPUBLISHED)
    usual = published.settings["epochs"]
    if epochs in (None, usual):
        return PaperRecipe(published.settings, published.source, published.sound)
    source = f"{published.source}; {epochs} in place of {usual} epochs"
    return PaperRecipe(published.at(epochs), source, published.sound)


def _published(data: str, name: str, method: StudyMethod) -> PublishedRecipe | None:
    """The method's own recipe, or that of the method that it is a control of."""
    of_data = PUBLISHED.get(data, {})
    return of_data.get(name, of_data.get(method.control_of))


def _without(settings: Mapping[str, Any], chosen: Collection[str]) -> dict[str, Any]:
    """Settings that nobody chose; fusion_weights are those of all modalities."""
    weights = {key for key in settings if key.startswith(WEIGHT)} - {"weight_decay"}
    left_out = {*chosen, *(weights if "fusion_weights" in chosen else ())}
    return {key: value for key, value in settings.items() if key not in left_out}


def _require_whole_frames(store: FeatureStore, method: str) -> None:
    """Frames with their aspect; the sample's films are shot in the size that is stored."""
    squeezed = [name for name, m in store.modalities.items() if is_picture(m) and not m.shown]
    if squeezed and not store.is_sample:
        raise InputError(
            f"--protocol paper trains {method} on crops of frames as decoded, and those of {store.path} were "
            "squeezed to a square: prepare them again with `python -m study.prepare "
            f"{store.name} --source DIR --recipe {store.recipe['name']}{WHOLE} --out DIR`"
        )


def _require_split(store: FeatureStore, method: str, split: str | None) -> None:
    if split is not None and split not in store.policies:
        raise InputError(
            f"--protocol paper trains {method} on split {split}, which {store.path} lacks: put its lists "
            "beside the raw files and prepare them again, or leave the method out with --methods"
        )
