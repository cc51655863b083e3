"""How the learning rate changes while a network is fitted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A file in `conf/scheduler`.

    Args:
        factory: Makes any scheduler of `torch.optim.lr_scheduler` from an optimizer; `ReduceLROnPlateau` watches the
            monitored score.
        interval: Whether the scheduler moves after each epoch or after each step.
    """

    factory: Callable[[Optimizer], LRScheduler]
    interval: Literal["epoch", "step"]
