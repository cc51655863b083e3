import dataclasses

import numpy as np
import pytest

from multisymbol.errors import SampleError
from multisymbol.features.pipeline import FeatureColumn, FeatureSpec
from multisymbol.markets.time import HOUR, instant
from multisymbol.samples.fold import TEST, TRAIN, FoldAssignment
from multisymbol.samples.ledger import Ledger, build_ledger
from multisymbol.samples.panel import Panel
from multisymbol.samples.strata import fold_shares, strata
from tests.samples.worlds import HOURLY, balanced, hand_panel, history, single_cut

CALENDARS = ("24/7", "XNYS")


def world(*, bars: int = 240) -> tuple[Panel, Ledger, FoldAssignment]:
    """Two symbols, one with the scale of the other's column times 100."""
    panel = hand_panel([history(bars, seed=1), history(bars, seed=2)])
    panel = dataclasses.replace(
        panel,
        spec=FeatureSpec(
            columns=tuple(FeatureColumn(name=n, kind="raw") for n in ("rsi", "volatility")), restart_bars=1024
        ),
    )
    panel.features[panel.rows(1), 1] *= 100
    ledger = build_ledger(panel, window=3, stride=1)
    (parts,) = single_cut().folds(ledger, timeframe=HOURLY)
    return panel, ledger, parts


def codes(
    kind: str, *, panel: Panel, ledger: Ledger, parts: FoldAssignment
) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    found = strata(kind, panel=panel, ledger=ledger, parts=parts, calendars=CALENDARS)
    assert found is not None
    return found


def test_none_is_no_stratum() -> None:
    panel, ledger, parts = world()
    assert strata("none", panel=panel, ledger=ledger, parts=parts, calendars=CALENDARS) is None
    assert fold_shares(balanced(), panel=panel, ledger=ledger, parts=parts, calendars=CALENDARS).stratum is None


def test_session_is_the_quarter_of_the_day_on_each_symbols_own_clock() -> None:
    panel, ledger, parts = world()
    found = codes("session", panel=panel, ledger=ledger, parts=parts)
    hour_utc = (ledger.decided_at // HOUR) % 24
    assert found[ledger.symbol == 0].tolist() == (hour_utc[ledger.symbol == 0] // 6).tolist()
    in_new_york = (hour_utc[ledger.symbol == 1] - 5) % 24  # January
    assert found[ledger.symbol == 1].tolist() == (in_new_york // 6).tolist()


def test_session_knows_daylight_saving() -> None:
    panel, ledger, parts = world()
    summer = instant("2020-07-01") - instant("2020-01-01")
    later = dataclasses.replace(ledger, decided_at=ledger.decided_at + summer)
    own = ledger.symbol == 1
    hour_utc = (later.decided_at[own] // HOUR) % 24
    assert codes("session", panel=panel, ledger=later, parts=parts)[own].tolist() == ((hour_utc - 4) % 24 // 6).tolist()


def test_a_column_makes_terciles_of_each_symbols_own_train_samples() -> None:
    panel, ledger, parts = world()
    found = codes("volatility", panel=panel, ledger=ledger, parts=parts)
    values = panel.features[ledger.row, 1]
    for index, train in enumerate(parts.positions_by_symbol(TRAIN, ledger=ledger)):
        thirds = np.bincount(found[train], minlength=3) / len(train)
        np.testing.assert_allclose(thirds, 1 / 3, atol=0.01)
        own = ledger.symbol == index
        tops = [values[own][found[own] == code].max() for code in range(3)]
        assert tops == sorted(tops)


def test_values_after_the_train_part_move_no_tercile() -> None:
    panel, ledger, parts = world()
    before = codes("volatility", panel=panel, ledger=ledger, parts=parts)
    panel.features[ledger.row[parts.part == TEST], 1] += 50
    after = codes("volatility", panel=panel, ledger=ledger, parts=parts)
    train = parts.part == TRAIN
    assert after[train].tolist() == before[train].tolist()
    assert after[~train].tolist() != before[~train].tolist()


def test_a_symbol_that_does_not_train_is_all_in_one_stratum() -> None:
    panel, ledger, parts = world()
    parts.part[(ledger.symbol == 0) & (parts.part == TRAIN)] = -1
    assert set(codes("volatility", panel=panel, ledger=ledger, parts=parts)[ledger.symbol == 0].tolist()) == {0}


def test_the_fold_decides_shares_and_strata() -> None:
    panel, ledger, parts = world()
    mixture = balanced(stratum="volatility")
    shares = fold_shares(mixture, panel=panel, ledger=ledger, parts=parts, calendars=CALENDARS)
    assert shares.rows.tolist() == [count.train for count in parts.counts]
    assert shares.stratum is not None
    assert len(shares.stratum) == len(ledger)


def test_an_unknown_stratum_is_refused_with_the_nearest_word_and_all_there_are() -> None:
    panel, ledger, parts = world()
    with pytest.raises(SampleError) as caught:
        strata("volatilty", panel=panel, ledger=ledger, parts=parts, calendars=CALENDARS)
    assert "sampling.stratum=volatilty is not known, did you mean 'volatility'?" in str(caught.value)
    assert "none, session, or a feature column that measures volatility: rsi, volatility" in str(caught.value)
