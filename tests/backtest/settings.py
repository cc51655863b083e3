"""How tests trade that are about something else: by a threshold, both sides, at the next open."""

from collections.abc import Sequence

from multisymbol.backtest.account import Rules
from multisymbol.backtest.decision import PositionRules, Threshold
from multisymbol.backtest.engine import BacktestSettings
from multisymbol.backtest.portfolio import EqualWeight, Rebalance


def settings(
    *,
    enter: float,
    leave: float,
    smallest_change: float = 0.0,
    rebalance: Rebalance = "never",
    volatility_bars: int = 20,
    multiples: Sequence[float],
) -> BacktestSettings:
    """Trade fractions of 100,000 as soon as `enter` is believed, until less than `leave` is."""
    discipline = PositionRules(
        sides="long_short",
        hold_means="flat",
        reverse_at_once=True,
        max_weight=1.0,
        smallest_change=smallest_change,
        min_bars_between_entries=0,
        min_hours_after_fill=0.0,
        flat_at_session_end=False,
    )
    return BacktestSettings(
        rule=Threshold(enter_confidence=enter, exit_confidence=leave, weight=1.0, discipline=discipline),
        rules=Rules(fill="next_open", units="fractional", stop=None, target=None, capital=1e5),
        weighting=EqualWeight(rebalance=rebalance),
        volatility_bars=volatility_bars,
        multiples=tuple(multiples),
    )
