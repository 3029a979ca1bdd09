"""Gradient-Blending (G-Blend), CVPR 2020, arXiv 1905.12681: losses weighted by how well parts generalise.

The parts of a model are each modality with a head of its own, and the fused head. How much generalisation and
how much over-fitting a part gains is measured by training it alone, in a copy of the model. A part that gains
much of the first and little of the second gets a large weight.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.multimodal.balancers.base import Balancer, Phase, Run
from trainables.multimodal.balancers.blending_math import (
    COPIES,
    FUSED,
    STAGES,
    Course,
    Losses,
    blending_weights,
    generalisation,
    overfitting,
    scaled,
)
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.errors import InputError
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.networks.missing_modalities import present_rows
from trainables.multimodal.setting_checks import Rule, is_real, require, require_whole_numbers

__all__ = ["GradientBlending", "blending_weights"]


def _are_weights(value: object) -> bool:
    if not isinstance(value, Mapping):
        return value is None
    weights = value.values()
    return all(is_real(weight) and 0 <= weight < inf for weight in weights) and (not weights or any(weights))


_LOSS_WEIGHTS: Final[Rule] = (_are_weights, f"numbers >= 0 by modality and for {FUSED}, not all of them 0")


class GradientBlending(Balancer):
    """Trains on sum over modalities m of w_m loss(z_m) + w_fused loss(z), each logit from a head of its own.

    super_epoch: n, epochs for which every part is trained alone, and then the model by the weights that this
    gives. Each n epochs of the model new ones are found (online G-Blend). None: once, each part being trained
    for as long as the model will be (offline G-Blend).
    loss_weights: weight of each modality and of `fused`, scaled to sum 1; then nothing is estimated.

    Estimates are paid from the run's epochs, each a pass over the training split. Of every 3 n epochs n train
    all modalities, each alone but in one copy, n the fused head in another copy, and n the model. Offline the
    model gets E - 2 (E // 3) of E epochs. It goes through the whole schedule of the learning rate in these,
    and copies go by the same one. While copies are trained, the run is judged by the model, which stands
    still. Not counted are the evaluations of the training split, three for an estimate.

    A tenth of the training split is held out, in whole groups (actors, say), and copies are never trained on
    it. Nor is the model, until no estimate follows. A part's loss is the mean over the samples that have the
    modality. Published weights of audio, video and fused: .014, .630, .356 on Kinetics-400.
    """

    fusion = "own_heads"
    model_waits = True
    own_names = frozenset({FUSED})

    def __init__(
        self, super_epoch: int | None = None, *, loss_weights: Mapping[str, float] | None = None
    ) -> None:
        require_whole_numbers(1, super_epoch=1 if super_epoch is None else super_epoch)
        require({"loss_weights": _LOSS_WEIGHTS}, {"loss_weights": loss_weights})
        if loss_weights and super_epoch is not None:
            raise InputError(
                "super_epoch is for estimates, of which loss_weights leave none: give one of them"
            )
        self.super_epoch = super_epoch
        self.loss_weights = dict(loss_weights or {})
        self.weights = scaled(self.loss_weights)
        self._course: Course | None = None  # none where weights are given
        self._held: NDArray[np.bool_] | None = None
        self._before: dict[str, Losses] = {}
        self._after: dict[str, Losses] = {}

    def on_configured(self, config: TrainerConfig) -> None:
        """Divide the run's epochs; InputError where they are too few for an estimate and what follows it."""
        if self.loss_weights:
            return
        super_epoch = max(1, config.epochs // STAGES) if self.super_epoch is None else self.super_epoch
        self._course = Course(config.epochs, super_epoch)
        if not self._course.cycles:
            raise InputError(
                f"GradientBlending with a super_epoch of {super_epoch} needs at least {STAGES * super_epoch} "
                f"epochs, {len(COPIES) * super_epoch} of which estimate weights; epochs is {config.epochs}"
            )

    def first_action(self) -> int:
        """The first epoch that trains the model by estimated weights; 0 where they are given."""
        return len(COPIES) * self._course.super_epoch + 1 if self._course else 0

    def on_built(self, model: MultimodalModel) -> None:
        """Refuse weights that are not those of the model's parts."""
        parts = [*model.encoders, FUSED]
        if self.loss_weights and self.loss_weights.keys() != {*parts}:
            raise InputError(
                f"loss_weights are given for {', '.join(self.loss_weights)}, and the parts are "
                f"{', '.join(parts)}"
            )

    def on_fit_start(self, run: Run) -> None:
        """Hold samples out, and take the losses of the model that has learned nothing yet."""
        if self._course:
            self._held = run.held_out()
            self._before = self._losses(run)

    def phase(self, run: Run) -> Phase:
        """The copy that an estimate trains, or else the model."""
        if not self._course:
            return Phase()
        place = self._course.place(run.epoch)
        return Phase(
            copy=place.copy,
            left_out=None if place.last else self._held,
            schedule_epoch=place.trained * self._course.epochs // self._course.of_model,
        )

    def step(self, run: Run, batch: Batch) -> Mapping[str, Tensor]:
        """One step on the weighted sum; a modality's loss is the mean over the samples that have it."""
        output = run.forward(batch)
        rows = present_rows(batch.present, output.unimodal, batch.labels)
        alone = {name: run.task.loss(*pair) for name, pair in rows.items()}
        loss = run.task.loss(output.fused, batch.labels)
        weights = self._weights(run)
        terms = [weights[part] * value for part, value in {**alone, FUSED: loss}.items()]
        run.update(torch.stack(terms).sum())
        metrics = {f"{name}/loss": value.detach() for name, value in alone.items()}
        right = run.task.accuracy(output.fused.detach(), batch.labels)
        return {"loss": loss.detach(), "accuracy": right, **metrics}

    def on_epoch_trained(self, run: Run) -> Mapping[str, float]:
        """Take the losses where a super-epoch ends; those of the last copy give the weights."""
        place = self._course.place(run.epoch) if self._course else None
        if place is None or place.last or not place.completes:
            return {}
        if not place.copy:
            self._before = self._losses(run)
            return {}
        losses = self._losses(run)
        parts = [part for part, weight in self._weights(run).items() if weight]
        self._after |= {part: losses[part] for part in parts}
        if place.copy == COPIES[-1]:
            self.weights = blending_weights(self._before, self._after)
        return self._gains(parts)

    def on_epoch_end(self, run: Run) -> Mapping[str, float]:
        """Tell the weights, once there are any."""
        return {f"blending/{part}/weight": weight for part, weight in self.weights.items()}

    def state_dict(self) -> dict[str, Any]:
        """The weights, and the losses from which the next ones follow."""
        return {"weights": dict(self.weights), "before": dict(self._before), "after": dict(self._after)}

    def load_state_dict(self, run: Run, state: dict[str, Any]) -> None:
        """Go on with them."""
        self.weights, self._before, self._after = (dict(state[key]) for key in ("weights", "before", "after"))

    def _weights(self, run: Run) -> Mapping[str, float]:
        """What the loss of each part counts in this epoch: in a copy 1 if it is trained there, else 0."""
        copy = self._course.place(run.epoch).copy if self._course else ""
        if not copy:
            return self.weights
        return {**dict.fromkeys(run.model.encoders, float(copy != FUSED)), FUSED: float(copy == FUSED)}

    def _gains(self, parts: Sequence[str]) -> dict[str, float]:
        pairs = {part: (self._before[part], self._after[part]) for part in parts}
        gained = {f"blending/{part}/generalisation": generalisation(*pair) for part, pair in pairs.items()}
        return gained | {f"blending/{part}/overfitting": overfitting(*pair) for part, pair in pairs.items()}

    @torch.no_grad()
    def _losses(self, run: Run) -> dict[str, Losses]:
        """Of every part of `run.model`, in eval mode."""
        seen, held = run.evaluate("train"), self._held
        assert held is not None  # noqa: S101  (since the run began)
        output = run.model.fusion(seen.features, seen.present)
        of_part = {**output.unimodal, FUSED: output.fused}
        sides = []
        for side in (~held, held):
            mask = torch.from_numpy(side).to(seen.labels.device)
            present = {name: has[mask] for name, has in seen.present.items()}
            outputs = {part: values[mask] for part, values in of_part.items()}
            rows = present_rows(present, outputs, seen.labels[mask])
            sides.append({part: float(run.task.loss(*pair)) for part, pair in rows.items()})
        return {part: (sides[0][part], sides[1][part]) for part in of_part}
