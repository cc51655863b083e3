from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from multisymbol.errors import ConfigError, SourceError
from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.io.files import ParquetSource
from multisymbol.markets.io.tables import SYNTHETIC_KEY
from multisymbol.markets.symbols import Gaps, SymbolConfig
from multisymbol.markets.time import Period
from tests.markets.conftest import LIMITS

Hours = Callable[..., pd.DataFrame]


def source(root: Path, **changes: Any) -> ParquetSource:
    choices: dict[str, Any] = {
        "pattern": "{symbol}.parquet",
        "timeframe": "1h",
        "stamped": "open",
        "min_bars": 5,
        "on_defect": OnDefect(),
        "limits": LIMITS,
    }
    return ParquetSource(root=str(root), **{**choices, **changes})


@pytest.fixture
def folder(tmp_path: Path, hours: Hours) -> Path:
    for name in ("BTCUSDT", "ETHUSDT"):
        hours(30).to_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def test_bars_are_read_as_written(folder: Path, coin: SymbolConfig, hours: Hours) -> None:
    bars = source(folder).read(coin, Period())
    assert (bars.close == hours(30)["close"].to_numpy()).all()
    assert bars.origin == str(folder / "BTCUSDT.parquet")
    assert not bars.synthetic


def test_timestamp_may_be_the_index(folder: Path, coin: SymbolConfig, hours: Hours) -> None:
    hours(30).set_index("timestamp").to_parquet(folder / "BTCUSDT.parquet")
    assert len(source(folder).read(coin, Period())) == 30


def test_synthetic_files_say_so(folder: Path, coin: SymbolConfig, hours: Hours) -> None:
    table = pyarrow.Table.from_pandas(hours(30)).replace_schema_metadata({SYNTHETIC_KEY: b"{}"})
    parquet.write_table(table, folder / "BTCUSDT.parquet")
    assert source(folder).read(coin, Period()).synthetic


def test_pattern_may_have_slug_and_timeframe(tmp_path: Path, coin: SymbolConfig, hours: Hours) -> None:
    (tmp_path / "1h").mkdir()
    hours(30).to_parquet(tmp_path / "1h" / "BTC_2FUSDT.parquet")
    sliced = source(tmp_path, pattern="{timeframe}/{slug}.parquet")
    assert len(sliced.read(replace(coin, symbol="BTC/USDT"), Period())) == 30
    with pytest.raises(SourceError, match=r"(?s)no bars of BTC/USD, did you mean 'BTC/USDT'\?.*has BTC/USDT"):
        sliced.read(replace(coin, symbol="BTC/USD"), Period())


@pytest.mark.parametrize("name", ["SYN_A", "SYN_5FA"])
def test_slug_keeps_an_underscore_and_files_of_earlier_versions_are_found(
    tmp_path: Path, coin: SymbolConfig, hours: Hours, name: str
) -> None:
    hours(30).to_parquet(tmp_path / f"{name}.parquet")
    bars = source(tmp_path, pattern="{slug}.parquet").read(replace(coin, symbol="SYN_A"), Period())
    assert bars.origin == str(tmp_path / f"{name}.parquet")


def test_missing_symbol_lists_what_is_there_and_the_nearest(folder: Path, coin: SymbolConfig) -> None:
    with pytest.raises(SourceError) as caught:
        source(folder).fingerprint(replace(coin, symbol="BTCUSD"), Period())
    assert "there are no bars of BTCUSD, did you mean 'BTCUSDT'?" in str(caught.value)
    assert str(caught.value).endswith("has BTCUSDT, ETHUSDT")
    with pytest.raises(SourceError, match="did you mean 'BTCUSDT'"):
        source(folder).read(replace(coin, symbol="btcusdt"), Period())


def test_absent_and_empty_folders_are_told_apart(tmp_path: Path, coin: SymbolConfig) -> None:
    with pytest.raises(SourceError, match=r"holds no file like {symbol}.parquet; it is empty"):
        source(tmp_path).read(coin, Period())
    (tmp_path / "BTCUSDT.csv").write_text("")
    with pytest.raises(
        SourceError, match=r"holds no file like {symbol}.parquet; it has BTCUSDT.csv\n.*source.pattern="
    ):
        source(tmp_path).read(coin, Period())
    with pytest.raises(SourceError, match="nowhere is not a folder"):
        source(tmp_path / "nowhere").read(coin, Period())


def test_file_of_another_name_is_found_where_the_user_names_it(folder: Path, coin: SymbolConfig) -> None:
    (folder / "BTCUSDT.parquet").rename(folder / "XBTUSD_60.parquet")
    named = source(folder, files={"BTCUSDT": "XBTUSD_60.parquet"})
    assert len(named.read(coin, Period())) == 30
    with pytest.raises(
        SourceError, match=r"XBTUSD.parquet does not exist, did you mean 'XBTUSD_60.parquet'\? \(source.files.BTCUSDT\)"
    ):
        source(folder, files={"BTCUSDT": "XBTUSD.parquet"}).read(coin, Period())


def test_symbol_that_is_a_path_needs_the_slug(folder: Path, coin: SymbolConfig) -> None:
    with pytest.raises(
        SourceError, match=r"'\.\./BTC' cannot be part of a file name; write source.pattern with {slug}"
    ):
        source(folder).read(replace(coin, symbol="../BTC"), Period())


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{symbl}.parquet", "unknown placeholders: {symbl}, did you mean 'symbol'"),
        ("bars.parquet", "names one file for all symbols"),
        ("{timeframe}.parquet", "names one file for all symbols"),
        ("{symbol.parquet", "is not a pattern"),
        ("{}.parquet", "unknown placeholders: {}"),
    ],
)
def test_wrong_patterns_are_refused_at_once(pattern: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        source(tmp_path, pattern=pattern)


def test_fingerprint_changes_with_all_that_changes_the_bars(folder: Path, coin: SymbolConfig, hours: Hours) -> None:
    def of(config: SymbolConfig = coin, period: Period = Period(), **changes: Any) -> str:  # noqa: B008
        return source(folder, **changes).fingerprint(config, period)

    variants = [
        of(),
        of(stamped="close"),
        of(min_bars=6),
        of(timeframe="2h"),
        of(on_defect=OnDefect(wick="drop")),
        of(limits=replace(LIMITS, flat_bars=6)),
        of(limits=replace(LIMITS, wick={**LIMITS.wick, "crypto": 0.3})),
        of(replace(coin, calendar="FX")),
        of(replace(coin, volume="none")),
        of(replace(coin, gaps=Gaps(over_closed="reset", max_missing_hours=20.0))),
        of(replace(coin, gaps=Gaps(over_closed="carry", max_missing_hours=21.0))),
        of(period=Period(start="2019-01-07")),
        of(period=Period(end="2019-01-08")),
    ]
    hours(31).to_parquet(folder / "BTCUSDT.parquet")
    variants.append(of())
    assert len(set(variants)) == len(variants)
    assert of() == variants[-1]
    assert of(replace(coin, indicators={"rsi": {"period": 3}})) == of()  # features are not bars
