"""The command `backtest`: models trade bars they have not seen; shown on one screen, and kept as a page and a run."""

import re
import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from rich.text import Text

from multisymbol.backtest.account import Rules
from multisymbol.backtest.engine import ELSEWHERE, Backtest, BacktestSettings
from multisymbol.backtest.prediction_source import StoredModelsSpec
from multisymbol.backtest.run import BacktestResult, BacktestSpec, ModelsSpec, run
from multisymbol.backtest.walk_forward import RetrainedModelsSpec
from multisymbol.cli.resolve import resolve_spec
from multisymbol.cli.specs import own_sections, run_spec, train_spec
from multisymbol.config.build import build
from multisymbol.errors import OutputError, SymbolError, nearest
from multisymbol.markets.provenance import synthetic_lines
from multisymbol.markets.symbols import Universe, universe
from multisymbol.markets.time import Period, Timeframe, instant, iso
from multisymbol.progress import Terminal
from multisymbol.reports.backtest import SEEN_SHORT, Background, arm_headline, backtest_headline, generated, reasons
from multisymbol.reports.backtest_artifacts import RecordedBacktest, record_backtest
from multisymbol.reports.figures.canvas import percent
from multisymbol.reports.tables.backtest import backtest_arm_table, result_table
from multisymbol.reports.tables.predictions import fold_model_tables
from multisymbol.reports.tables.table import show
from multisymbol.training.run_folder import at_work, read_note
from multisymbol.wording import listed, short_path

_MOST_ROWS = 60
_NAMES_SHOWN = 8


def backtest(values: Mapping[str, Any], run_dir: Path) -> float:
    """Run a backtest, show it, write its page and files, and note it in the store.

    Args:
        values: Plain, checked configuration (`conf/backtest.yaml`).
        run_dir: The run's folder.

    Returns:
        The Sharpe ratio of the portfolio after costs; of the first arm, where there are several.

    Raises:
        MultisymbolError: Bars, models or rules that cannot be traded, each with its cure.
    """
    terminal = Terminal()
    started = time.perf_counter()
    with at_work(run_dir):
        if note := read_note(run_dir):
            raise OutputError(f"{run_dir} holds run {note['name']}; start this one in a folder of its own")
        result = run(backtest_spec(values), run_dir, terminal)
        _show(result, values, terminal, seconds=time.perf_counter() - started)
        recorded = record(result, values, run_dir)
    terminal.fact("page", short_path(recorded.page))
    terminal.fact("run", recorded.run)
    return result.first.standing.performance.sharpe


def record(result: BacktestResult, values: Mapping[str, Any], run_dir: Path) -> RecordedBacktest:
    """Write page and files to the run's folder, and note them in the store."""
    return record_backtest(
        result, run_spec(values), run_dir, background=background(values, result), sections=own_sections(values)
    )


# --- From the configuration ------------------------------------------------------------------------------------------


def backtest_spec(values: Mapping[str, Any]) -> BacktestSpec:
    """Return the backtest a configuration describes.

    Raises:
        MultisymbolError: A part refuses its arguments, or a value is out of its range.
    """
    return BacktestSpec(settings=backtest_settings(values), models=models_spec(values))


def models_spec(values: Mapping[str, Any]) -> ModelsSpec:
    """Return whose predictions are traded.

    Raises:
        SymbolError: `symbol` is no member.
        MultisymbolError: A part refuses its arguments.
    """
    chosen = values["backtest"]
    arms = tuple(chosen["arms"] or ())
    if chosen["models"] == "retrained":
        return RetrainedModelsSpec(train=train_spec(values), universe=_traded(values), arms=arms)
    sealed_from = values["split"].get("sealed_from")
    return StoredModelsSpec(
        universe=_traded(values),
        resolve=resolve_spec(values),
        period=Period(**values["period"]),
        version=None if values["from"] is None else str(values["from"]),
        arms=arms,
        every=Timeframe.parse(chosen["every"]).nanoseconds if chosen["models"] == "as_of" else None,
        sealed_from=None if sealed_from is None else instant(sealed_from),
        open_sealed=values["open_sealed"],
    )


def backtest_settings(values: Mapping[str, Any]) -> BacktestSettings:
    """Build how predictions are traded.

    Raises:
        BacktestError: A value is out of its range.
    """
    chosen = values["backtest"]
    names = ("fill", "units", "stop", "target", "stop_in", "capital")
    return BacktestSettings(
        rule=build(values["decision"], role="decision"),
        rules=Rules(**{name: chosen[name] for name in names}),
        weighting=build(chosen["weighting"], role="weighting"),
        volatility_bars=chosen["volatility_bars"],
        multiples=tuple(float(each) for each in chosen["cost_multiples"]),
    )


def _traded(values: Mapping[str, Any]) -> Universe:
    symbols, wanted = universe(values["symbol_configs"]), values["symbol"]
    if wanted is None:
        return symbols
    chosen = tuple(config for config in symbols if config.symbol == wanted)
    if not chosen:
        hint = nearest(wanted, symbols.symbols)
        raise SymbolError(
            f"symbol={wanted} is no member of symbols.members{hint} Members: {', '.join(symbols.symbols)}"
        )
    return Universe(configs=chosen)


def background(values: Mapping[str, Any], result: BacktestResult) -> Background:
    """Return what the page says of the configuration."""
    return Background(
        source=f"source {_source(values)}",
        timeframe=result.histories.source.timeframe.text,
        rule=_rule(values["decision"]),
        settings=_settings(values),
        command=_command(),
    )


def _source(values: Mapping[str, Any]) -> str:
    return str(values["source"].get("root", values["source"]["_target_"].rpartition(".")[2]))


def _rule(node: Mapping[str, Any]) -> str:
    """Write a rule with all its parameters in one line, its discipline's behind its own."""
    parts = [f"{key} {_value(value)}" for key, value in _leaves(node)]
    return f"{str(node['_target_']).rpartition('.')[2]}: {', '.join(parts)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")


def _leaves(node: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in node.items():
        if isinstance(value, Mapping):
            found += _leaves(value)
        elif not key.startswith("_"):
            found.append((key.replace("_", " "), value))
    return found


def _settings(values: Mapping[str, Any]) -> dict[str, str]:
    chosen = values["backtest"]
    weighting = chosen["weighting"]
    kind = re.sub(r"(?<!^)(?=[A-Z])", " ", str(weighting["_target_"]).rpartition(".")[2]).lower()
    stops = {name: chosen[name] for name in ("stop", "target") if chosen[name] is not None}
    unit = " of the price" if chosen["stop_in"] == "fraction" else " times a bar's volatility"
    return {
        "fills": f"{chosen['fill'].replace('_', ' ')}, {chosen['units']} units",
        "stop and target": ", ".join(f"{name} {value:g}{unit}" for name, value in stops.items())
        or "no stop, no target",
        "money": f"capital {chosen['capital']:,.0f}, {kind} rebalanced {_often(weighting['rebalance'])}",
    }


def _often(period: str) -> str:
    return "never" if period == "never" else f"every {period}"


def _command() -> str:
    """Return the command that was given."""
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    return shlex.join(["multisymbol", "backtest", *(text.lstrip("+") for text in given)])


# --- One screen ------------------------------------------------------------------------------------------------------


def _show(result: BacktestResult, values: Mapping[str, Any], terminal: Terminal, *, seconds: float) -> None:
    several, first = len(result.arms) > 1, result.first
    for line in synthetic_lines(generated(first), of=len(first.traded)):
        terminal.show(Text(line))
    terminal.fact("universe", f"{_universe(result)}      source {_source(values)}")
    if result.seen:
        terminal.fact("SEEN", f"{SEEN_SHORT}: nothing below says anything about trading (allow_seen=true)")
    for arm, each in result.arms.items():
        terminal.fact(arm if several else "model", _models(each))
    for symbols, why in _left_out(result):
        terminal.fact("left out", f"{listed(symbols, most=_NAMES_SHOWN)}: {why}")
    terminal.fact("decision", _rule(values["decision"]))
    terminal.fact("fills", " · ".join(_settings(values).values()))
    for table in fold_model_tables(result.predictions):
        terminal.show("")
        terminal.show(show(table, most=_MOST_ROWS))
    terminal.show("")
    terminal.show(show(backtest_arm_table(result.arms) if several else result_table(first), most=_MOST_ROWS))
    terminal.show("")
    for arm, each in result.arms.items():
        terminal.fact("costs" if not several else arm[:10], _costs(each))
    terminal.fact("result", arm_headline(result.arms) if several else backtest_headline(first))
    terminal.fact("time", f"{seconds:.1f} s")


def _universe(result: BacktestResult) -> str:
    first, timeframe = result.first, result.histories.source.timeframe.text
    count = len(first.traded)
    classes = sorted({each.config.asset_class for each in first.traded.values()})
    track = first.standing.portfolio.track
    return (
        f"{count} symbol{'s' if count > 1 else ''} · {', '.join(classes)} · {timeframe} · "
        f"{iso(int(track.closed_at[0]))[:10]} .. {iso(int(track.closed_at[-1]))[:10]} · {first.bars:,} bars"
    )


def _models(backtest: Backtest) -> str:
    """Say which models predicted, and until when the last of them had seen the world."""
    predictors = [each for one in backtest.traded.values() for each in one.predictions.predictors]
    names = list(dict.fromkeys(each.name for each in predictors))
    unknown = [
        symbol
        for symbol, one in backtest.traded.items()
        if all(symbol not in each.model.trained for each in one.predictions.predictors)
    ]
    until = iso(max(each.seen_until for each in predictors))
    unseen = f" · {len(unknown)} symbols not in its training" if unknown else ""
    return f"{listed(names, most=3)} · seen until {until}{unseen}"


def _left_out(result: BacktestResult) -> Iterator[tuple[list[str], str]]:
    for arm, each in result.arms.items():
        for why, symbols in reasons(each.left_out).items():
            if why != ELSEWHERE:
                yield symbols, f"{why} ({arm})" if len(result.arms) > 1 else why


def _costs(backtest: Backtest) -> str:
    return (
        " · ".join(f"{multiple:g}× {percent(each.total_return)}" for multiple, each in backtest.at_costs.items())
        + "      net return at several times the assumed costs"
    )
