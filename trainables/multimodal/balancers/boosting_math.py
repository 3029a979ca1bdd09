"""The arithmetic of boosting: losses of a modality's heads, and which modality needs another head."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from trainables.multimodal.class_loss import PLAIN, CrossEntropy
from trainables.multimodal.metrics import true_class
from trainables.multimodal.networks.fusion import sum_of


def earlier_share(head_logits: Sequence[Tensor], target: Tensor) -> Tensor:
    """q_y [B]: softmax of the earlier heads' summed logits at the target (AUG's release)."""
    return true_class(sum_of(list(head_logits[:-1])), target)


def per_head_share(head_logits: Sequence[Tensor], target: Tensor) -> Tensor:
    """Sum [B] over the earlier heads of each one's softmax at the target (AUG's equation); may exceed 1."""
    return torch.stack([true_class(logits, target) for logits in head_logits[:-1]]).sum(dim=0)


RESIDUALS: Final[Mapping[str, Callable[[Sequence[Tensor], Tensor], Tensor]]] = {
    "sum": earlier_share,
    "per_head": per_head_share,
}


def boosting_terms(
    head_logits: Sequence[Tensor],
    target: Tensor,
    *,
    smoothing: float,
    residual: str = "sum",
    loss: CrossEntropy = PLAIN,
) -> dict[str, Tensor]:
    """The terms of a modality's loss, scalars that sum to it; `all` alone while there is one head.

    all, earlier and newest: cross-entropy of all heads' summed logits, of the sum without the newest, and of
    the newest head alone. residual: -lambda * CE(f_T, y * q), where q has no gradient. `loss` is that
    cross-entropy.
    """
    everything = loss(sum_of(list(head_logits)), target)
    if len(head_logits) == 1:
        return {"all": everything}
    newest = loss.each(head_logits[-1], target)
    known = RESIDUALS[residual](head_logits, target).detach()
    return {
        "all": everything,
        "earlier": loss(sum_of(list(head_logits[:-1])), target),
        "newest": newest.mean(),
        "residual": -smoothing * (known * newest).mean(),
    }


def boosting_loss(
    head_logits: Sequence[Tensor], target: Tensor, *, smoothing: float, residual: str = "sum"
) -> Tensor:
    """Loss of one modality from its heads' logits [B, C], the oldest first, and labels [B].

    With one head CE(f_1, y), else CE(sum of all) + CE(sum of the earlier) + (1 - lambda q_y) CE(f_T, y),
    where lambda is `smoothing`. Raises ValueError without a head.
    """
    if not head_logits:
        raise ValueError("a modality needs at least one head")
    terms = boosting_terms(head_logits, target, smoothing=smoothing, residual=residual)
    return torch.stack(list(terms.values())).sum()


def assign_classifier(scores: Mapping[str, float], *, sigma: float = 1.0, tau: float = 0.01) -> list[str]:
    """Modalities that get a new head: mean(scores of the others) / score > sigma + tau.

    A score is the mean probability of the true class. One modality has no others and gets none. Raises
    ValueError if all scores are zero.
    """
    _require_scores(scores)
    return [name for name, score in scores.items() if _others(scores, name) > (sigma + tau) * score]


def assign_by_difference(scores: Mapping[str, float], *, sigma: float = 1.0, tau: float = 0.01) -> list[str]:
    """The paper's other form: mean(scores of the others) - sigma * score > tau; errors as above."""
    _require_scores(scores)
    return [name for name, score in scores.items() if _others(scores, name) - sigma * score > tau]


def assign_as_released(scores: Mapping[str, float], *, sigma: float = 1.0, tau: float = 0.01) -> list[str]:
    """The release's rule for two modalities, in the order of the scores; never both get a head.

    With r = first / second the second one gets a head if r > sigma + tau, the first if r < sigma - tau. At
    sigma 1 that is `assign_classifier`. Raises ValueError for another number of scores, or zeros alone.
    """
    if len(scores) != 2:
        raise ValueError(f"the released rule compares two modalities, got {len(scores)}")
    _require_scores(scores)
    (first, its_score), (second, other) = scores.items()
    if its_score > (sigma + tau) * other:
        return [second]
    return [first] if its_score < (sigma - tau) * other else []


def assign_at_random(scores: Mapping[str, float], draw: random.Random) -> list[str]:
    """One modality, drawn uniformly: the control of the assignment."""
    return [draw.choice(sorted(scores))]


def _others(scores: Mapping[str, float], name: str) -> float:
    """Mean score of the other modalities; without others nothing is weaker than they are."""
    others = [score for other, score in scores.items() if other != name]
    return sum(others) / len(others) if others else -math.inf


def _require_scores(scores: Mapping[str, float]) -> None:
    if not any(scores.values()):
        raise ValueError("all scores are zero: no modality is weaker than another")
