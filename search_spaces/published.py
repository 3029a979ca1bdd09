"""Published recipes: how each method was trained on a data set by those who published it, to the letter.

`--protocol paper` trains with them. The methods' own files beside this one hold what a search begins with,
and `--protocol clean` trains all methods alike. Settings are named as in `TrainerConfig` and the balancers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

COUNTED: Final = ("every", "period", "begin", "end")
"""Settings that count epochs, besides `milestones`."""


@dataclass(frozen=True)
class PublishedRecipe:
    """All that decides a run but its seed and what the data were prepared with."""

    source: str
    """Where each setting stands, and what could not be taken over."""
    sound: str
    """Recipe that the sound was prepared by: a name of ours, or in words."""
    settings: Mapping[str, Any]
    """Setting -> value, `epochs` and every key that a search of the method varies among them."""

    def at(self, epochs: int) -> dict[str, Any]:
        """The settings at another number of epochs: what counts epochs is scaled alike, and 0 stays 0."""
        share = epochs / self.settings["epochs"]
        counted = [key for key in COUNTED if key in self.settings]
        scaled: dict[str, Any] = {key: _scaled(self.settings[key], share) for key in counted}
        if "milestones" in self.settings:
            scaled["milestones"] = sorted({_scaled(epoch, share) for epoch in self.settings["milestones"]})
        return {**self.settings, **scaled, "epochs": epochs}


def _scaled(count: int, share: float) -> int:
    return max(min(1, count), round(count * share))


_SGD: Final = {
    "optimizer": "sgd",
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "batch_size": 64,
    "precision": "fp32",
}
"""What all of these releases have in common."""
_NOTHING_HELD_BACK: Final = {"split": "official", "train_on": "train+validation"}
"""The whole training list, 6,698 clips of CREMA-D; test alone is looked at."""
_RANDOM_FRAMES: Final = {"frame_choice": "random", "augment": True, "crop": "frame"}
_FIRST_FRAMES: Final = {"frame_choice": "first", "augment": True, "crop": "frame"}
_MIDDLE_FRAMES: Final = {"frame_choice": "middle", "augment": False}
_OGM_GE: Final = {
    "epochs": 100,
    "lr": 1e-3,
    "schedule": "step",
    "milestones": [70],
    "gamma": 0.1,
    "init": "ogm",
    "ties": "first",
}
"""Of every run in its release, joint training too."""
_MODULATION: Final = {"begin": 0, "end": 51, "conv_only": True, "noise": True}
_AUG: Final = {
    "lr": 1e-2,
    "schedule": "step",
    "gamma": 0.1,
    "init": "ogm",
    "assignment": "released",
    "assign_first": True,
    "sigma": 1.0,
    "tau": 0.01,
    "residual": "sum",
    "step": "alternating",
    "max_heads": 11,  # without bound, which is one more than there are assignments
    "train_new_heads": False,
    "weight_audio": 0.4,
    "weight_visual": 0.6,
}
_DNR: Final = {
    "epochs": 90,
    "schedule": "constant",
    "init": "dnr",
    "ties": "first",
}
_RELEARNING: Final = {"lam": 3.0, "every": 20, "max_relearnings": 3, "n_init": 10}
"""scikit-learn, to which the release leaves n_init, had 10 at the time."""
_MMPARETO: Final = {
    "epochs": 50,
    "lr": 2e-3,
    "schedule": "constant",
    "init": "dnr",
    "ties": "first",
    "frames": 2,
}
_KINETICS_DNR: Final = (
    "arXiv 2407.09705 for lr; the rest is that of D&R's release for CREMA-D, with the frames of AUG's release"
)

PUBLISHED: Final[Mapping[str, Mapping[str, PublishedRecipe]]] = {
    "cremad": {
        "joint": PublishedRecipe(
            "D&R's release: baseline.py, baseline.sh, av_dataset.py",
            "dnr-fbank",
            {**_SGD, **_NOTHING_HELD_BACK, **_RANDOM_FRAMES, **_DNR, "frames": 2, "lr": 2e-3},
        ),
        "diagnose_relearn": PublishedRecipe(
            "D&R's release: ours.py, ours.sh, av_dataset.py",
            "dnr-fbank",
            {
                **_SGD,
                **_MIDDLE_FRAMES,
                **_DNR,
                **_RELEARNING,
                "split": "dnr",  # 5,954 clips
                "train_on": "train",
                "frames": 2,
                "lr": 2e-3,
            },
        ),
        "uniform": PublishedRecipe(
            "MMPareto's release: uniform_baseline.py, av_dataset.py",
            "dnr-fbank",
            {**_SGD, **_NOTHING_HELD_BACK, **_RANDOM_FRAMES, **_MMPARETO},
        ),
        "mmpareto": PublishedRecipe(
            "MMPareto's release: MMPareto.py, av_dataset.py",
            "dnr-fbank",
            {**_SGD, **_NOTHING_HELD_BACK, **_RANDOM_FRAMES, **_MMPARETO, "gain": 1.5, "per": "tensor"},
        ),
        "ogm_ge": PublishedRecipe(
            "OGM-GE's release: main.py, CramedDataset.py; alpha: its README",
            "ogm-stft",
            {
                **_SGD,
                **_NOTHING_HELD_BACK,
                **_FIRST_FRAMES,
                **_OGM_GE,
                **_MODULATION,
                "frames": 1,
                "alpha": 0.8,
            },
        ),
        "boosting": PublishedRecipe(
            "AUG's release: train_CREMAD.py, crema.json, CREMA.py",
            "aug-20s",
            {
                **_SGD,
                **_NOTHING_HELD_BACK,
                **_FIRST_FRAMES,
                **_AUG,
                "frames": 1,
                "epochs": 200,
                "milestones": [69, 139],
                "period": 20,
                "smoothing": 0.5,
                "ties": "last",
            },
        ),
    },
    "kinetics-sounds": {
        "joint": PublishedRecipe(
            _KINETICS_DNR,
            "not published",
            {**_SGD, **_NOTHING_HELD_BACK, **_RANDOM_FRAMES, **_DNR, "frames": 3, "lr": 1e-3},
        ),
        "diagnose_relearn": PublishedRecipe(
            f"{_KINETICS_DNR}; a tenth of the training list is held back for purity",
            "not published",
            {
                **_SGD,
                **_MIDDLE_FRAMES,
                **_DNR,
                **_RELEARNING,
                "split": "official",
                "train_on": "train",
                "frames": 3,
                "lr": 1e-3,
            },
        ),
        "boosting": PublishedRecipe(
            "AUG's release: train_KS.py, kinetics_sound.json, KS.py, less its network that weighs heads",
            "STFT of 10 s at 35.4 kHz",
            {
                **_SGD,
                **_NOTHING_HELD_BACK,
                **_FIRST_FRAMES,
                **_AUG,
                "frames": 3,
                "epochs": 100,
                "milestones": [69],
                "period": 10,
                "smoothing": 0.2,
                "ties": "first",
            },
        ),
    },
    "vggsound": {
        "joint": PublishedRecipe(
            "OGM-GE's release: main.py --modulation Normal, VGGSoundDataset.py",
            "STFT of 5 s at 16 kHz",
            {**_SGD, **_NOTHING_HELD_BACK, **_FIRST_FRAMES, **_OGM_GE, "frames": 3},
        ),
        "ogm_ge": PublishedRecipe(
            "OGM-GE's release: main.py, VGGSoundDataset.py; alpha: its README",
            "STFT of 5 s at 16 kHz",
            {
                **_SGD,
                **_NOTHING_HELD_BACK,
                **_FIRST_FRAMES,
                **_OGM_GE,
                **_MODULATION,
                "frames": 3,
                "alpha": 0.1,
            },
        ),
    },
}
"""Data set -> method -> recipe. Controls of a method have its recipe, but for what makes them controls."""
