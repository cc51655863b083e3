"""How the learning rate changes while a network is fitted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from multisymbol.errors import ConfigError


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

    def scheduler(self, optimizer: Optimizer) -> LRScheduler:
        """Build the scheduler; raise ConfigError for a plateau schedule by step: there is a score once an epoch."""
        made = self.factory(optimizer)
        if isinstance(made, ReduceLROnPlateau) and self.interval != "epoch":
            raise ConfigError(f"scheduler: interval must be epoch for ReduceLROnPlateau, got {self.interval}")
        return made

    def after_step(self, scheduler: LRScheduler) -> None:
        """Move a scheduler that moves with every step."""
        if self.interval == "step":
            scheduler.step()

    def after_epoch(self, scheduler: LRScheduler, score: float) -> None:
        """Move a scheduler that moves with every epoch, or waits for its score."""
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(score)
        elif self.interval == "epoch":
            scheduler.step()
