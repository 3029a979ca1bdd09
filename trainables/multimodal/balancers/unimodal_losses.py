"""A loss of its own for every modality beside the fused one, all with equal weights.

Most methods of balancing add such losses, so that what they add beyond them is told only by a comparison with
their plain sum. It is a baseline of MMPareto (ICML 2024, arXiv 2405.17730); without the fused loss's gradient
in the encoders it is what DGL (ICCV 2025) trains.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from trainables.multimodal.balancers.base import Balancer, Run
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.networks.missing_modalities import present_rows
from trainables.multimodal.setting_checks import require_flags


class UnimodalLosses(Balancer):
    """Trains on loss(z) + sum over modalities m of loss(z_m), with a linear head for z and one for each z_m.

    detach: encoders learn from their own loss alone: the fused head passes no gradient on.
    """

    fusion = "own_heads"

    def __init__(self, *, detach: bool = False) -> None:
        require_flags(detach=detach)
        self.detach = detach

    def step(self, run: Run, batch: Batch) -> Mapping[str, Tensor]:
        """One step on the sum of all losses; a modality's loss is the mean over the samples that have it."""
        features = run.encode(batch)
        passed = {name: values.detach() for name, values in features.items()} if self.detach else features
        fused = run.model.fusion(passed, batch.present).fused
        unimodal = run.model.fusion(features, batch.present).unimodal
        rows = present_rows(batch.present, unimodal, batch.labels)
        losses = {name: run.task.loss(*pair) for name, pair in rows.items()}
        loss = run.task.loss(fused, batch.labels)
        run.update(torch.stack([loss, *losses.values()]).sum())
        alone = {f"{name}/loss": value.detach() for name, value in losses.items()}
        right = run.task.accuracy(fused.detach(), batch.labels)
        return {"loss": loss.detach(), "accuracy": right, **alone}
