"""Two arms traded: what is held ends with the span that is tested, and costs are those of the account."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from multisymbol.backtest.decision import PositionRules, Threshold
from multisymbol.comparison.result import Trading
from multisymbol.comparison.scores import ArmScores, ScoredRows
from multisymbol.comparison.trading import TradedMarket, decided_bars, trading
from multisymbol.labels.labels import BUY, CLASSES, HOLD
from multisymbol.markets.symbols import Costs
from multisymbol.samples.fold import Span
from tests.features.worlds import config
from tests.labels.worlds import bars_of
from tests.serving.markets import costs
from tests.statistics.test_statistics import PLAN

BARS = bars_of(np.linspace(100.0, 200.0, 101))
RULE = Threshold(
    enter_confidence=0.5,
    exit_confidence=0.4,
    weight=1.0,
    discipline=PositionRules(
        sides="long_short",
        hold_means="flat",
        reverse_at_once=True,
        max_weight=1.0,
        smallest_change=0.0,
        min_bars_between_entries=0,
        min_hours_after_fill=0.0,
        flat_at_session_end=False,
    ),
)


def arm(rows: npt.NDArray[np.int64], says: npt.NDArray[np.int64]) -> ArmScores:
    """Be sure of a class at the closes of some bars."""
    count = len(rows)
    return ArmScores(
        arm="universal",
        rows=ScoredRows(
            seeds=(1,),
            symbols=("WALK",),
            symbol=np.zeros(count, dtype=np.int32),
            decided_at=BARS.closed_at[rows],
            resolved_at=BARS.closed_at[rows],
            label=says.astype(np.int8),
            fold=np.zeros(count, dtype=np.int64),
            session=np.zeros(count, dtype=np.int8),
        ),
        prob=np.eye(len(CLASSES))[says][None],
    )


def traded(
    rows: npt.NDArray[np.int64],
    says: npt.NDArray[np.int64],
    *,
    spans: tuple[slice, ...],
    charged: Costs | None = None,
    capital: float = 1.0,
) -> Trading:
    """Trade one arm against itself; spans are of bars."""
    own = arm(rows, says)
    at = BARS.closed_at
    market = TradedMarket(
        config=replace(config(), costs=charged or costs()),
        bars=decided_bars(BARS, start=int(at[rows[0]]), end=int(at[rows[-1]])),
        spans=tuple(Span(int(at[span.start]), int(at[span.stop])) for span in spans),
    )
    return trading(own, own, markets={"WALK": market}, rule=RULE, rule_text="", capital=capital, lag=0, plan=PLAN)


def test_a_position_is_kept_where_samples_are_a_stride_apart() -> None:
    found = traded(np.array([10, 14, 18]), np.array([BUY, BUY, HOLD]), spans=(slice(10, 22),)).universal
    assert found.trades == 1.0
    assert found.net_bps == pytest.approx(1e4 * (BARS.open[19] / BARS.open[11] - 1))


def test_nothing_is_held_from_one_test_span_to_another_that_lies_apart() -> None:
    rows, says = np.array([10, 14, 80, 84]), np.array([BUY, BUY, BUY, BUY])
    found = traded(rows, says, spans=(slice(10, 18), slice(80, 88))).universal
    # The first bar that nobody is asked at, 18, closes what is held, at the open after it.
    gains = [BARS.open[19] / BARS.open[11] - 1, BARS.close[85] / BARS.open[81] - 1]
    assert found.trades == 2.0
    assert found.net_bps == pytest.approx(1e4 * np.mean(gains))


def test_test_spans_that_follow_one_another_are_one() -> None:
    rows, says = np.array([10, 14, 18, 22]), np.array([BUY, BUY, BUY, HOLD])
    found = traded(rows, says, spans=(slice(10, 16), slice(16, 26))).universal
    assert found.trades == 1.0
    assert found.net_bps == pytest.approx(1e4 * (BARS.close[23] / BARS.open[11] - 1))


@pytest.mark.parametrize(("capital", "least_bps"), [(10_000.0, 1.0), (1_000.0, 10.0)])
def test_a_least_commission_is_of_the_accounts_money(capital: float, least_bps: float) -> None:
    rows, says, spans = np.array([10, 14]), np.array([BUY, HOLD]), (slice(10, 18),)
    free = traded(rows, says, spans=spans).universal
    found = traded(rows, says, spans=spans, charged=costs(commission_minimum=1.0), capital=capital).universal
    assert found.gross_bps == pytest.approx(free.gross_bps)
    assert found.gross_bps - found.net_bps == pytest.approx(2 * least_bps, rel=0.2)
