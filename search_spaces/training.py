"""How a model is trained, whatever the method: optimizer, schedule and regularisation.

`joint.joined(training)` searches the recipe of joint training as hard as a method's own hyperparameters.
"""

from typing import Any

from ray import tune

from search_spaces.space import LEARNING_RATE, SearchSpace

DEFAULTS = {
    "lr": 2e-3,
    "optimizer": "sgd",
    "weight_decay": 1e-4,
    "schedule": "constant",
    "warmup_epochs": 0,
    "clip_norm": 100.0,
    "label_smoothing": 0.0,
    "class_weights": "equal",
    "dropout": 0.0,
    "encoder_lr": 1.0,
}
"""What the trainer does unless told otherwise; no gradient of such a run is as long as `clip_norm`."""
FROZEN = {"freeze_epochs": 0}


def _domains(epochs: int) -> dict[str, Any]:
    """Domains for a budget of `epochs`; Adam needs smaller learning rates than SGD.

    A `step` schedule is left out: its milestones are no number. A regression has no classes to smooth and to
    weigh: take `training.without("label_smoothing", "class_weights")`.
    """
    longest = min(max(1, epochs // 5), epochs - 1)
    return {
        "lr": tune.loguniform(1e-5, 1e-1),
        "optimizer": tune.choice(["sgd", "adam", "adamw"]),
        "weight_decay": tune.loguniform(1e-6, 1e-1),
        "schedule": tune.choice(["constant", "cosine"]),
        "warmup_epochs": tune.randint(0, longest + 1),  # the upper end is exclusive
        "clip_norm": tune.loguniform(0.1, 1000.0),
        "label_smoothing": tune.uniform(0.0, 0.2),
        "class_weights": tune.choice(["equal", "balanced"]),
        "dropout": tune.uniform(0.0, 0.5),
        "encoder_lr": tune.loguniform(0.1, 10.0),
    }


def _defaults() -> dict[str, Any]:
    """Where a search begins; none of it depends on the number of epochs."""
    return dict(DEFAULTS)


def _frozen(epochs: int) -> dict[str, Any]:
    return {"freeze_epochs": tune.randint(0, epochs // 4 + 1)}


NOTATION = {
    **LEARNING_RATE,
    "optimizer": ("optimizer", ""),
    "weight_decay": ("weight decay", ""),
    "schedule": ("schedule", "how the learning rate falls"),
    "warmup_epochs": ("warm-up epochs", "in which the learning rate rises"),
    "clip_norm": ("longest gradient", "L2 norm to which gradients are cut"),
    "label_smoothing": ("label smoothing", ""),
    "class_weights": ("class weights", ""),
    "dropout": ("dropout", "share of features that heads are not given"),
    "encoder_lr": ("encoder rate", "factor of the encoders' learning rate"),
}
training = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION)
fine_tuning = training.joined(
    SearchSpace(
        _frozen, FROZEN, lambda: dict(FROZEN), {"freeze_epochs": ("frozen epochs", "of pretrained encoders")}
    )
)
"""For runs whose encoders have `initial_weights`: in the first epochs these may stand still."""
