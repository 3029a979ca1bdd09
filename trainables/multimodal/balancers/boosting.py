"""Sustained boosting with adaptive classifier assignment (AUG), NeurIPS 2025, arXiv 2502.20120.

Each modality is trained by its own heads, whose newest learns what the earlier ones have not. Every t_N
epochs a modality that classifies worse than the others is given another head.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor

from trainables.multimodal.balancers.base import Balancer, Run
from trainables.multimodal.balancers.boosting_math import (
    RESIDUALS,
    assign_as_released,
    assign_at_random,
    assign_by_difference,
    assign_classifier,
    boosting_loss,
    boosting_terms,
)
from trainables.multimodal.class_loss import CrossEntropy
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.errors import Diverged
from trainables.multimodal.metrics import Means, accuracy, true_class
from trainables.multimodal.networks.fusion import BoostedFusion, new_head, sum_of, weighted
from trainables.multimodal.networks.missing_modalities import present_rows, spread
from trainables.multimodal.setting_checks import (
    require_finite_numbers,
    require_flags,
    require_whole_numbers,
    require_word,
)

__all__ = ["Boosting", "assign_classifier", "boosting_loss"]

TRIPLE = 3.0  # what the loss of a weak modality counts where it gets no head

Assign = Callable[["Boosting", Mapping[str, float], random.Random], list[str]]
ASSIGNMENTS: Final[Mapping[str, Assign]] = {
    "ratio": lambda rule, scores, _: assign_classifier(scores, sigma=rule.sigma, tau=rule.tau),
    "difference": lambda rule, scores, _: assign_by_difference(scores, sigma=rule.sigma, tau=rule.tau),
    "released": lambda rule, scores, _: assign_as_released(scores, sigma=rule.sigma, tau=rule.tau),
    "random": lambda rule, scores, draw: assign_at_random(scores, draw),
}


def alternate(run: Run, losses: Iterator[Tensor]) -> None:
    """A step for each modality in turn: the next one's heads see the shared layer after this one's step."""
    for loss in losses:
        run.update(loss)


def together(run: Run, losses: Iterator[Tensor]) -> None:
    """One step on the sum of all modalities' losses."""
    run.update(torch.stack(list(losses)).sum())


STEPS: Final[Mapping[str, Callable[[Run, Iterator[Tensor]], None]]] = {
    "alternating": alternate,
    "joint": together,
}


def add_head(boosting: Boosting, run: Run, name: str) -> None:
    """Give a modality another head, unless it has all it may have."""
    if len(_fusion(run).heads_of(name)) < boosting.max_heads:
        boosting.grow(run, name)


def count_triple(boosting: Boosting, run: Run, name: str) -> None:
    """Let a modality's loss count three times from now on, without another head."""
    boosting.factors[name] = TRIPLE


REMEDIES: Final[Mapping[str, Callable[[Boosting, Run, str], None]]] = {
    "head": add_head,
    "triple": count_triple,
}


class Boosting(Balancer):
    """Boosted heads per modality, and more of them for the weak one.

    smoothing: lambda of the residual term.
    period: t_N; assignments follow epochs t_N, 2 t_N, ... counted from 1, but for the last.
    assign_first: assignments follow the first epoch too, as in the release.
    max_heads: how many heads a modality may have.
    sigma, tau: the threshold of the assignment.
    residual: `sum` or `per_head`, what of the target the earlier heads are taken to know.
    assignment: `ratio`, the paper's `difference`, the rule as `released` for two modalities, or `random` as a
    control.
    step: `alternating`, a step per modality, or `joint`, one on the sum.
    fusion_weights: weight of each modality in the prediction, equal if none are given.
    train_new_heads: off reproduces the release, where added heads stay random projections.
    remedy: what a weak modality gets: a `head`, or as a control `triple` weight of its loss.
    """

    fusion = "boosted"
    needs_classes = True  # residuals and scores are probabilities of the true class
    EARLY = MappingProxyType(
        {"period": 1, "max_heads": 3, "sigma": 0.0, "tau": 0.0}
    )  # every modality is weak

    def __init__(
        self,
        smoothing: float = 0.5,
        period: int = 20,
        max_heads: int = 10,
        *,
        sigma: float = 1.0,
        tau: float = 0.01,
        residual: str = "sum",
        assignment: str = "ratio",
        assign_first: bool = False,
        step: str = "alternating",
        fusion_weights: Mapping[str, float] | None = None,
        train_new_heads: bool = True,
        remedy: str = "head",
    ) -> None:
        require_finite_numbers(smoothing=smoothing, sigma=sigma, tau=tau)
        require_whole_numbers(1, period=period, max_heads=max_heads)
        require_word("residual", residual, RESIDUALS)
        require_word("assignment", assignment, ASSIGNMENTS)
        require_word("step", step, STEPS)
        require_word("remedy", remedy, REMEDIES)
        require_flags(train_new_heads=train_new_heads, assign_first=assign_first)
        self.smoothing, self.period, self.max_heads = smoothing, period, max_heads
        self.sigma: float = sigma
        self.tau: float = tau
        self.residual, self.assignment, self.order, self.remedy = residual, assignment, step, remedy
        self.assign_first = assign_first
        if assignment == "released":
            self.fewest_modalities = self.most_modalities = 2
        self.fusion_weights = dict(fusion_weights or {})
        self.train_new_heads = train_new_heads
        self.grown: list[str] = []  # modalities in the order in which they got their heads
        self.factors: dict[str, float] = {}  # what a modality's loss counts, if not once
        self._seen = Means()

    def first_action(self) -> int:
        """The epoch after which a weak modality is first strengthened, 1 or t_N; 0 if none ever is."""
        never = self.remedy == "head" and self.max_heads == 1
        return 0 if never else 1 if self.assign_first else self.period

    def step(self, run: Run, batch: Batch) -> Mapping[str, Tensor]:
        """Train each modality on its own loss, from one forward pass of all encoders."""
        rows = present_rows(batch.present, run.encode(batch), batch.labels)
        logits: dict[str, Tensor] = {}
        metrics: dict[str, Tensor] = {}

        def losses() -> Iterator[Tensor]:
            for name, (features, labels) in rows.items():  # logits by the shared layer as it is at their turn
                heads = _fusion(run).head_logits(name, features)
                logits[name] = sum_of(heads).detach()
                terms = boosting_terms(
                    heads, labels, smoothing=self.smoothing, residual=self.residual, loss=_loss(run)
                )
                loss = torch.stack(list(terms.values())).sum() * self.factors.get(name, 1.0)
                terms = {f"loss_{term}": value for term, value in terms.items()}
                metrics.update({f"{name}/{key}": value.detach() for key, value in terms.items()})
                metrics[f"{name}/loss"] = loss.detach()
                yield loss

        STEPS[self.order](run, losses())
        for name, (_, labels) in rows.items():
            score = true_class(logits[name], labels).mean()
            self._seen.add({f"{name}/score": score, f"{name}/loss": metrics[f"{name}/loss_all"]}, len(labels))
        total = torch.stack([metrics[f"{name}/loss"] for name in rows]).sum()
        everywhere = {name: spread(batch.present, name, summed) for name, summed in logits.items()}
        fused = weighted(everywhere, _fusion(run).weights, batch.present)
        return {"loss": total, "accuracy": accuracy(fused, batch.labels), **metrics}

    def on_epoch_end(self, run: Run) -> Mapping[str, float]:
        """Report the heads, then strengthen the weak modalities if this is the epoch for it.

        boosting/gap is the largest minus the smallest cross-entropy of all of a modality's heads: the other
        terms of its loss come with the second head, and would make modalities incomparable.
        """
        seen, self._seen = self._seen.read("epoch"), Means()
        scores = {name: seen[f"epoch/{name}/score"] for name in run.model.encoders}
        losses = [seen[f"epoch/{name}/loss"] for name in scores]
        metrics = {"boosting/gap": max(losses) - min(losses), **_report(run, scores)}
        if self.is_due(run.epoch) and not run.done:
            for name in self._weak(run, scores):
                REMEDIES[self.remedy](self, run, name)
        return metrics

    def is_due(self, epoch: int) -> bool:
        """Whether to assign after an epoch, counted from 1."""
        return epoch % self.period == 0 or (self.assign_first and epoch == 1)

    def grow(self, run: Run, name: str) -> None:
        """Add a head to a modality, and to the optimizer if new heads are trained."""
        head = new_head(_fusion(run).sizes[name]).requires_grad_(self.train_new_heads)
        run.add_module(_fusion(run).heads_of(name), head)
        self.grown.append(name)

    def state_dict(self) -> dict[str, Any]:
        """Which modalities got heads, in order, and whose loss counts more."""
        return {"grown": list(self.grown), "factors": dict(self.factors)}

    def load_state_dict(self, run: Run, state: dict[str, Any]) -> None:
        """Grow the same heads in the same order, so that model and optimizer fit what is loaded next."""
        self.factors = dict(state["factors"])
        for name in state["grown"]:
            self.grow(run, name)

    def _weak(self, run: Run, scores: Mapping[str, float]) -> list[str]:
        """Modalities to strengthen; a random one is a function of seed and epoch."""
        if not any(scores.values()):
            raise Diverged(f"no modality gave the true class any probability in epoch {run.epoch}")
        draw = random.Random(f"{run.config.seed}/{run.epoch}")  # noqa: S311  (no secret)
        return ASSIGNMENTS[self.assignment](self, scores, draw)


@torch.no_grad()
def _report(run: Run, scores: Mapping[str, float]) -> dict[str, float]:
    """Heads, scores and validation accuracy with and without the newest head, of the judged weights."""
    judged = run.evaluate("validation")
    metrics: dict[str, float] = {}
    for name, (features, labels) in judged.present_rows(judged.features).items():
        heads = _fusion(run).head_logits(name, features)
        values: dict[str, float | Tensor] = {
            "heads": len(heads),
            "score": scores[name],
            "accuracy": accuracy(sum_of(heads), labels),
        }
        if len(heads) > 1:
            values["accuracy_earlier"] = accuracy(sum_of(heads[:-1]), labels)
        metrics |= {f"boosting/{name}/{key}": float(value) for key, value in values.items()}
    return metrics


def _loss(run: Run) -> CrossEntropy:
    loss = run.task.loss
    assert isinstance(loss, CrossEntropy)  # noqa: S101  (what Boosting.needs_classes has asked for)
    return loss


def _fusion(run: Run) -> BoostedFusion:
    fusion = run.model.fusion
    assert isinstance(fusion, BoostedFusion)  # noqa: S101  (what Boosting.fusion has asked for)
    return fusion
