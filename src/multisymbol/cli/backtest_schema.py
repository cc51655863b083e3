"""The keys of `conf/backtest.yaml`, and what they build."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import PositiveInt

from multisymbol.backtest.account import Rules
from multisymbol.backtest.engine import BacktestSettings
from multisymbol.cli.schema import TrainConfig
from multisymbol.config.build import build

UNIVERSAL, OWN = "universal", "own"
"""Kinds of model that can be set against one another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestChoices:
    """A file in `conf/backtest`; see `BacktestSettings` and `Rules`.

    Args:
        models: Whose answers are traded.
        arms: Kinds of model that are traded on the same bars; None: whichever answers.
        every: Length of time from one choice of models to the next (`as_of`).
        capital: See `Rules`; likewise fill, units, stop, target and stop_in.
        weighting: How money is shared out among symbols.
        volatility_bars: See `BacktestSettings`; likewise cost_multiples.
    """

    models: Literal["stored", "as_of", "retrained"]
    arms: list[Literal["universal", "own"]] | None
    every: str
    capital: float
    fill: Literal["next_open", "same_close", "next_vwap"]
    units: Literal["fractional", "whole"]
    stop: float | None
    target: float | None
    stop_in: Literal["fraction", "volatility"]
    weighting: Any
    volatility_bars: PositiveInt
    cost_multiples: list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestConfig(TrainConfig):
    """Every key of `conf/backtest.yaml`: those of a training, and its own.

    Args:
        decision: From what a model says to positions.
        backtest: Whose answers are traded, and how.
        match: What a model must fit: the strategy's name, or features and labels of the configuration too.
        allow_seen: Whether bars a model was trained on may be traded.
    """

    decision: Any
    backtest: BacktestChoices
    match: Literal["strategy", "config"]
    allow_seen: bool


SCHEMA = f"{__name__}.BacktestConfig"


def conduct(values: Mapping[str, Any]) -> BacktestSettings:
    """Build how answers are traded.

    Raises:
        BacktestError: A value is out of its range.
    """
    chosen = values["backtest"]
    names = ("fill", "units", "stop", "target", "stop_in", "capital")
    return BacktestSettings(
        rule=build(values["decision"]),
        rules=Rules(**{name: chosen[name] for name in names}),
        weighting=build(chosen["weighting"]),
        volatility_bars=chosen["volatility_bars"],
        multiples=tuple(float(each) for each in chosen["cost_multiples"]),
    )
