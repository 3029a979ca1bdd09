"""Flat settings, as search spaces and command lines give them, divided among those who take them."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.errors import InputError

WEIGHT: Final = "weight_"
"""`weight_<modality>` is that modality's entry of `fusion_weights`: search spaces hold numbers only."""

TRAINER_SETTINGS: Final = tuple(field.name for field in dataclasses.fields(TrainerConfig))
"""Settings of the trainer, whatever the method."""


def known_settings(balancers: Sequence[Callable[..., object]]) -> list[str]:
    """Every key that flat settings may hold: the trainer's fields and the arguments of the balancers."""
    return [*TRAINER_SETTINGS] + [name for balancer in balancers for name in _arguments(balancer)]


def default_settings(balancers: Sequence[Callable[..., object]]) -> dict[str, Any]:
    """The default of every key that has one."""
    fields = {field.name: field.default for field in dataclasses.fields(TrainerConfig)}
    for balancer in balancers:
        fields |= {name: given.default for name, given in inspect.signature(balancer).parameters.items()}
    none = (dataclasses.MISSING, inspect.Parameter.empty)
    return {name: default for name, default in fields.items() if default not in none}


def split_settings(
    settings: Mapping[str, Any], balancers: Sequence[Callable[..., object]]
) -> tuple[TrainerConfig, list[dict[str, Any]]]:
    """Divide flat settings into the trainer's config and the arguments of each of the balancers.

    Raises InputError for a key that nobody knows, or for missing `data` or `epochs`.
    """
    known = known_settings(balancers)
    given = _with_weights(settings, known) if "fusion_weights" in known else dict(settings)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InputError(
            f"unknown setting {', '.join(unknown)}; known settings are {', '.join(sorted(known))}"
        )
    missing = [name for name in ("data", "epochs") if name not in given]
    if missing:
        raise InputError(f"the settings lack {' and '.join(missing)}")
    for balancer in balancers:
        if shared := set(TRAINER_SETTINGS).intersection(_arguments(balancer)):
            raise InputError(
                f"{balancer.__name__} and the trainer both have a setting {', '.join(sorted(shared))}: give "
                "the method's another name"
            )
    arguments = [{name: given[name] for name in _arguments(b) if name in given} for b in balancers]
    taken = {name for part in arguments for name in part}
    return TrainerConfig(**{name: value for name, value in given.items() if name not in taken}), arguments


def _arguments(balancer: Callable[..., object]) -> list[str]:
    return list(inspect.signature(balancer).parameters)


def _with_weights(settings: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """The settings with all weight_<modality>, which weight_decay is not, gathered into `fusion_weights`."""
    named = [key for key in settings if key.startswith(WEIGHT) and key not in known]
    weights = {key[len(WEIGHT) :]: settings[key] for key in named}
    rest = {key: value for key, value in settings.items() if key not in named}
    if weights and rest.get("fusion_weights"):
        raise InputError("give either fusion_weights or weight_<modality>, not both")
    return {**rest, "fusion_weights": weights} if weights else rest
