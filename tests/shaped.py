"""A universe in the shape of real files: histories that begin and end at different times, sessions, holidays, gaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from multisymbol.cli.commands import generate_data


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """One symbol's file.

    Args:
        asset_class: Decides its calendar: sessions with holidays, a week of five days, or every hour.
        start: First day.
        end: Day after the last one.
        price: Of the first bar.
    """

    asset_class: str
    start: str
    end: str
    price: float = 100.0


DAILY: Mapping[str, History] = {
    "ALPHA": History(asset_class="stock", start="1998-01-02", end="2022-12-30", price=22.0),
    "BETA": History(asset_class="stock", start="2004-08-19", end="2022-12-30", price=54.0),
    "GAMMA": History(asset_class="stock", start="1999-03-10", end="2018-06-29", price=8.0),
    "EURUSD": History(asset_class="forex", start="2003-12-01", end="2022-12-30", price=1.2),
    "USDJPY": History(asset_class="forex", start="2000-06-01", end="2022-12-30", price=107.0),
    "BTCUSDT": History(asset_class="crypto", start="2016-01-01", end="2022-12-30", price=430.0),
}
"""Six daily histories of 1998 to 2022; no cryptocurrency existed before a cut at shares of their time."""


def write_bars(folder: Path, histories: Mapping[str, History], *, timeframe: str, gap_share: float = 0.0005) -> None:
    """Write `SYMBOL.parquet` files without a word of where they come from, some bars missing from each."""
    for place, (name, own) in enumerate(histories.items()):
        made = folder / ".made"
        span = ["--start", own.start, "--end", own.end, "--timeframe", timeframe, "--seed", str(place)]
        market = ["--symbols", f"{name}:{own.asset_class}", "--signal", "0.2", "--out", str(made), "--overwrite"]
        assert generate_data.run([*market, *span]) == 0
        frame = pd.read_parquet(next(made.glob("*.parquet")))
        prices = ["open", "high", "low", "close"]
        frame[prices] *= own.price / frame["open"].iloc[0]
        kept = np.random.default_rng(place).random(len(frame)) >= gap_share
        pd.DataFrame(frame.loc[kept].to_dict("series")).to_parquet(folder / f"{name}.parquet", index=False)
        for file in [*made.rglob("*")][::-1]:
            file.rmdir() if file.is_dir() else file.unlink()
        made.rmdir()


def write_universe(folder: Path, histories: Mapping[str, History], *, name: str = "mine") -> None:
    """Write `symbols/NAME.yaml` into a configuration folder."""
    lines = [f"  {symbol}: {{asset_class: {own.asset_class}}}" for symbol, own in histories.items()]
    (folder / "symbols").mkdir(parents=True, exist_ok=True)
    (folder / "symbols" / f"{name}.yaml").write_text("\n".join(["members:", *lines, ""]))
