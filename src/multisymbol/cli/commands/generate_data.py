"""`multisymbol generate-data`: write bars of a synthetic market as Parquet files.

The folder then holds a file for each symbol, SYNTHETIC.json with all that made them, and conf/symbols/generated.yaml, a
universe ready to train on. The files say in their metadata that they are synthetic.
"""

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from multisymbol.cli.commands import Parser
from multisymbol.errors import ConfigError, MultisymbolError, OutputError, SymbolError, nearest
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.defects import Limits, OnDefect
from multisymbol.markets.io.importing import write_bars
from multisymbol.markets.io.shipped import asset_classes, bare_universe
from multisymbol.markets.symbols import slug
from multisymbol.markets.synthetic import SyntheticSource
from multisymbol.markets.time import Period
from multisymbol.progress import Terminal, complain, stepwise
from multisymbol.wording import short_path

ANNUAL_VOLATILITY = {"stock": 0.30, "forex": 0.08, "metal": 0.16, "crypto": 0.80}
PRICES = {"stock": 100.0, "forex": 1.2, "metal": 1500.0, "crypto": 2000.0}
"""Where symbols begin, within a factor of 2; 100 for other classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Market:
    """The market to write: arguments of `SyntheticSource`, kept for SYNTHETIC.json."""

    timeframe: str
    start: str
    end: str
    seed: int
    signal: float
    correlation: float
    annual_volatility: dict[str, float]
    prices: dict[str, float]
    ragged: bool

    def source(self) -> SyntheticSource:
        """Build the source of its bars."""
        return SyntheticSource(
            timeframe=self.timeframe,
            start=self.start,
            end=self.end,
            seed=self.seed,
            signal=self.signal,
            correlation=self.correlation,
            annual_volatility=self.annual_volatility,
            prices=self.prices,
            ragged=self.ragged,
            min_bars=1,
            on_defect=OnDefect(),
            limits=Limits(wick=dict.fromkeys(self.annual_volatility, 1.0), flat_bars=5),
        )


def run(arguments: Sequence[str]) -> int:
    """Write the files; return the exit status."""
    options = parser().parse_args(arguments)
    try:
        Terminal().say(generate(options))
    except MultisymbolError as error:
        complain(str(error))
        return 2
    return 0


def generate(options: argparse.Namespace) -> str:
    """Write what the options ask for; return what to print.

    Raises:
        SymbolError: An unknown asset class, a symbol named twice.
        OutputError: The folder holds something already, or cannot be written.
    """
    classes = asset_classes()
    members = _members(options.symbols, default=options.asset_class, classes=classes)
    market = Market(
        timeframe=options.timeframe,
        start=options.start,
        end=options.end,
        seed=options.seed,
        signal=options.signal,
        correlation=options.correlation,
        annual_volatility=_volatilities(options.volatility, classes=classes),
        prices={name: PRICES.get(name, 100.0) for name in classes},
        ragged=options.ragged,
    )
    symbols = bare_universe(members)
    source = market.source()
    bars = [source.read(config, Period()) for config in stepwise("bars", symbols, lambda config: config.symbol)]
    folder = options.out or Path("outputs", "synthetic") / f"{market.timeframe}-seed{market.seed}"
    facts = {"synthetic": True, "symbols": members, **asdict(market)}
    _prepare(folder, facts=facts, overwrite=options.overwrite)
    for config, of_symbol in zip(symbols, bars, strict=True):
        facts_of = {"symbol": of_symbol.symbol, "origin": of_symbol.origin}
        write_bars(folder / f"{config.slug}.parquet", of_symbol, facts=facts_of)
    _write_facts(folder, facts=facts, members=members)
    return _summary(folder, market=market, bars=bars)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = Parser(
        prog="multisymbol generate-data",
        description="Write bars of a synthetic market with a known signal as Parquet files, one per symbol.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = whole.add_argument
    add("--symbols", required=True, help="names, comma-separated; SYMBOL:CLASS for another class than --asset-class")
    add("--timeframe", default="1h", help="length of a bar: 15m, 1h, 1d")
    add("--asset-class", default="stock", help="class of the symbols that do not name one (conf/asset_class)")
    add("--start", default="2012-01-01", help="first instant, UTC")
    add("--end", default="2020-01-01", help="last instant, UTC")
    add("--seed", type=int, default=1, help="seed of all random numbers")
    add("--signal", type=float, default=0.1, help="planted drift per bar, in its standard deviations; 0 = martingale")
    add("--correlation", type=float, default=0.3, help="share of the variance common to all symbols")
    add(
        "--volatility",
        default="",
        metavar="CLASS=VALUE,...",
        help=f"annual volatility by class; defaults: {ANNUAL_VOLATILITY}",
    )
    add("--ragged", action="store_true", help="let symbols start at different times")
    add("--out", type=Path, help="folder to write (default: outputs/synthetic/TIMEFRAME-seedSEED)")
    add("--overwrite", action="store_true", help="replace what this command wrote there before")
    return whole


def _members(text: str, *, default: str, classes: Mapping[str, Any]) -> dict[str, str]:
    """Read `AAPL,EURUSD:forex` as symbol -> asset class."""
    pairs = [entry.strip().rpartition(":") for entry in text.split(",") if entry.strip()]
    named = [(symbol, of_class) if colon else (of_class, default) for symbol, colon, of_class in pairs]
    problems = [
        f"{symbol}: unknown asset class '{of_class}'{nearest(of_class, tuple(classes))}; there are {', '.join(classes)}"
        for symbol, of_class in named
        if of_class not in classes
    ]
    names = [symbol for symbol, _ in named]
    problems += [f"{name}: named twice" for name in sorted({name for name in names if names.count(name) > 1})]
    if problems:
        raise SymbolError("\n  ".join([f"--symbols {text} cannot be made; nothing was written.", *problems]))
    return dict(named)


def _volatilities(text: str, *, classes: Mapping[str, Any]) -> dict[str, float]:
    """Read `stock=0.4,crypto=1` over the defaults."""
    values = {name: ANNUAL_VOLATILITY.get(name, 0.2) for name in classes}
    for entry in filter(None, text.split(",")):
        name, _, value = entry.partition("=")
        if name not in classes:
            raise ConfigError(f"--volatility {entry}: unknown asset class '{name}'{nearest(name, tuple(classes))}")
        try:
            values[name] = float(value)
        except ValueError as error:
            raise ConfigError(f"--volatility {entry}: expected CLASS=NUMBER, like {name}=0.2") from error
    return values


def _prepare(folder: Path, *, facts: Mapping[str, Any], overwrite: bool) -> None:
    """Make the folder; remove only what this command wrote into it before. The same market again is no loss."""
    stored = folder / "SYNTHETIC.json"
    try:
        if folder.is_dir() and any(folder.iterdir()):
            if not stored.is_file():
                raise OutputError(f"{folder} holds files that this command did not write; choose another --out")
            if not overwrite and json.loads(stored.read_text(encoding="utf-8")) != facts:
                raise OutputError(f"{folder} holds another synthetic market; add --overwrite or choose another --out")
            for path in folder.glob("*.parquet"):
                path.unlink()
        (folder / "conf" / "symbols").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error}") from error


def _write_facts(folder: Path, *, facts: Mapping[str, Any], members: Mapping[str, str]) -> None:
    (folder / "SYNTHETIC.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    lines = [
        "# Symbols of a synthetic market, written by multisymbol generate-data; SYNTHETIC.json has its settings.",
        "members:",
        *(f"  {json.dumps(name, ensure_ascii=False)}: {{asset_class: {kind}}}" for name, kind in members.items()),
        "only: null",
        "without: []\n",
    ]
    (folder / "conf" / "symbols" / "generated.yaml").write_text("\n".join(lines), encoding="utf-8")


def _summary(folder: Path, *, market: Market, bars: Sequence[Bars]) -> str:
    shown = short_path(folder)
    made = f"{sum(len(entry) for entry in bars):,} synthetic bars of {market.timeframe}, signal {market.signal:g}"
    command = ["multisymbol", "train", "--config-dir", f"{shown}/conf", "symbols=generated"]
    command += ["source=parquet", f"source.root={shown}", f"source.timeframe={market.timeframe}"]
    if any(slug(entry.symbol) != entry.symbol for entry in bars):
        command.append('source.pattern="{slug}.parquet"')  # Hydra reads braces as a mapping where they are not quoted
    return f"wrote {len(bars)} symbols, {made}, in {shown}\ntrain on them:\n{shlex.join(command)}"
