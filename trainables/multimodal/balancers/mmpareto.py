"""MMPareto, ICML 2024, arXiv 2405.17730: the fused and the unimodal gradient of an encoder in one direction.

Every encoder m learns from the fused loss L and from the loss L_m of a head of its own. Where their gradients
agree it follows their sum. Where they conflict it follows the direction that lets neither loss grow, and all
its steps are longer, as the noise of two gradients is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor, nn

from trainables.multimodal.balancers.base import Balancer, Run
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.missing_modalities import present_rows
from trainables.multimodal.setting_checks import require_finite_numbers, require_word

FIRST, LAST = 0.999, 0.001  # weight of the fused gradient where one of the two is the point of smallest norm
TINY = 1e-12  # in place of a norm of zero
Gradients = Sequence[Tensor]


def fused_weight(fused: Gradients, own: Gradients) -> Tensor:
    """Weight a of the fused gradient g, that of the own gradient g_m being 1 - a (section 3.2, equation 8).

    1/2 where g and g_m agree, cos(g, g_m) > 0. Else the a for which a g + (1 - a) g_m is shortest.
    """
    both = _product(fused, own)
    first, second = _product(fused, fused), _product(own, own)
    between = (second - both) / (first + second - 2 * both).clamp(min=TINY)
    shortest = torch.where(both >= first, FIRST, torch.where(both >= second, LAST, between))
    return torch.where(both > 0, 0.5, shortest)


def _product(first: Gradients, second: Gradients) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(first, second, strict=True)]).sum()


def lengthened(directions: Gradients, sums: Gradients, gain: float) -> list[Tensor]:
    """Each direction h of its own: gain * h * max(1, |g + g_m| / |h|), as released."""
    return [gain * _stretch([h], [plain]) * h for h, plain in zip(directions, sums, strict=True)]


def lengthened_together(directions: Gradients, sums: Gradients, gain: float) -> list[Tensor]:
    """The same with the lengths of all of an encoder's gradients together."""
    factor = gain * _stretch(directions, sums)
    return [factor * h for h in directions]


def _stretch(directions: Gradients, sums: Gradients) -> Tensor:
    lengths = [_product(parts, parts).sqrt() for parts in (sums, directions)]
    return (lengths[0] / lengths[1].clamp(min=TINY)).clamp(min=1)


LENGTHS: Final[Mapping[str, Callable[[Gradients, Gradients, float], list[Tensor]]]] = {
    "tensor": lengthened,
    "encoder": lengthened_together,
}


class MMPareto(Balancer):
    """Trains on loss(z) + sum over m of loss(z_m); encoders follow 2 a g + 2 (1 - a) g_m, lengthened.

    gain: gamma, how many times longer; 1 is the sum of all losses wherever gradients agree.
    per: whether lengths are compared for each `tensor` of an encoder, as released, or the whole `encoder`.
    """

    fusion = "own_heads"

    def __init__(self, gain: float = 1.5, *, per: str = "tensor") -> None:
        require_finite_numbers(gain=gain)
        require_word("per", per, LENGTHS)
        if gain <= 0:
            raise InputError(f"gain must be above 0, got {gain}")
        self.gain: float = gain
        self.per = per

    def step(self, run: Run, batch: Batch) -> Mapping[str, Tensor]:
        """One step from two backward passes: of the fused loss, then of all unimodal losses at once.

        These share no parameter. Heads follow the plain gradient. An encoder whose modality the whole batch
        lacks, or that is frozen, stays as it is.
        """
        output = run.forward(batch)
        rows = present_rows(batch.present, output.unimodal, batch.labels)
        losses = {name: run.task.loss(*pair) for name, pair in rows.items()}
        loss = run.task.loss(output.fused, batch.labels)
        trained = {name: found for name in losses if (found := _trained(run.model.encoders[name]))}
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
        fused = {name: _taken(parameters) for name, parameters in trained.items()}
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        metrics = {f"{name}/loss": value.detach() for name, value in losses.items()}
        for name, parameters in trained.items():
            metrics[f"{name}/fused_weight"] = self._balance(parameters, fused[name])
        run.optimizer.step()
        right = run.task.accuracy(output.fused.detach(), batch.labels)
        return {"loss": loss.detach(), "accuracy": right, **metrics}

    @torch.no_grad()
    def _balance(self, parameters: Sequence[nn.Parameter], fused: Gradients) -> Tensor:
        """Put the balanced gradient in the place of an encoder's own; gives the weight a."""
        own = _taken(parameters)
        share = fused_weight(fused, own)
        directions = [2 * share * g + 2 * (1 - share) * g_m for g, g_m in zip(fused, own, strict=True)]
        sums = [g + g_m for g, g_m in zip(fused, own, strict=True)]
        for parameter, gradient in zip(
            parameters, LENGTHS[self.per](directions, sums, self.gain), strict=True
        ):
            parameter.grad = gradient
        return share


def _trained(encoder: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in encoder.parameters() if parameter.requires_grad]


def _taken(parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    """Their gradients, which they no longer have; zero where a loss did not reach them."""
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    for parameter in parameters:
        parameter.grad = None
    return gradients
