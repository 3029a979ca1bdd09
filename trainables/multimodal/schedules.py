"""Learning rates as factors of the chosen one: functions of the epoch alone, so that a resume is exact.

`epoch` is the number of finished epochs: the index, counted from 0, of the one that is trained next.
"""

import math
from collections.abc import Sequence


def warm_up(epoch: int, warmup_epochs: int) -> float:
    """(epoch + 1) / (warmup_epochs + 1) during the warm-up, a straight line to 1, and 1 after it."""
    return min(1.0, (epoch + 1) / (warmup_epochs + 1))


def step(epoch: int, milestones: Sequence[int], gamma: float) -> float:
    """gamma^(milestones passed)."""
    return float(gamma ** sum(milestone <= epoch for milestone in milestones))


def cosine(epoch: int, warmup_epochs: int, epochs: int) -> float:
    """(1 + cos(pi t)) / 2, t being the share of the epochs after the warm-up that are finished.

    One period of SGDR (Loshchilov & Hutter, ICLR 2017, equation 5) that ends at 0; the last epoch is above.
    """
    done = max(0, epoch - warmup_epochs) / (epochs - warmup_epochs)
    return (1 + math.cos(math.pi * done)) / 2
