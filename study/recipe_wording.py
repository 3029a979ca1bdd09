"""How a run is trained, in words: for what a number rests on, and for the recipes of the paper's protocol."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, Final

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.splits import TRAIN
from trainables.multimodal.flat_settings import WEIGHT
from trainables.multimodal.optimizers import OPTIMIZERS

DEFAULT: Final = {field.name: field.default for field in fields(TrainerConfig)}
TOLD: Final = {
    "warmup_epochs": "warm-up epochs",
    "clip_norm": "longest gradient",
    "label_smoothing": "label smoothing",
    "class_weights": "class weights",
    "dropout": "dropout",
    "encoder_lr": "encoders' rate times",
    "freeze_epochs": "frozen epochs",
}
"""What is told of training where it is not at its default."""
INITIAL: Final = {"dnr": "as D&R", "ogm": "as OGM-GE"}


def optimizer_of(config: Mapping[str, Any], searched: Collection[str] = ()) -> str:
    """How all methods are trained; of what differs from trial to trial, that it is searched."""
    used = {**DEFAULT, **config, **dict.fromkeys(searched, "searched")}
    kind = OPTIMIZERS.get(used["optimizer"])
    told = [
        kind.label if kind else "searched optimizer",
        f"momentum {used['momentum']}",
        f"weight decay {used['weight_decay']}",
        f"batch {used['batch_size']}",
        f"{used['schedule']} learning rate",
        *(f"{word} {used[key]}" for key, word in TOLD.items() if used[key] != DEFAULT[key]),
    ]
    return ", ".join(told)


def recipe_words(config: Mapping[str, Any], *, has_frames: bool) -> dict[str, str]:
    """What sets recipes apart, by name."""
    used = {**DEFAULT, **config}
    return {
        "Epochs": str(used["epochs"]),
        "Learning rate": _schedule(used),
        **({"Frames": f"{used['frames']}, {used['frame_choice']}"} if has_frames else {}),
        "Augmentation": f"a crop per {used['crop']}" if used["augment"] else "none",
        "Trained on": _trained_on(used),
        "Initial values": INITIAL[used["init"]],
        "Precision": used["precision"],
        "Of equal epochs": f"the {used['ties']}",
    }


def of_method(settings: Mapping[str, Any], notation: Collection[str]) -> dict[str, Any]:
    """Those of the settings that are a method's own, the learning rate not among them."""
    weights = [key for key in settings if key.startswith(WEIGHT) and key not in DEFAULT]
    known = {*notation, *weights} - {"lr"}
    return {key: value for key, value in settings.items() if key in known}


def _schedule(used: Mapping[str, Any]) -> str:
    """The rate and how it falls."""
    if used["schedule"] != "step":
        return f"{used['lr']}, {used['schedule']}"
    return f"{used['lr']}, times {used['gamma']} after {', '.join(map(str, used['milestones']))}"


def _trained_on(used: Mapping[str, Any]) -> str:
    part = "train" if used["train_on"] == TRAIN else "train and validation"
    return f"{part} of {used['split']}"
