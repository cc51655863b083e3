"""The verb `backtest`: models answer for bars they have not seen; traded, accounted for, measured and recorded."""

import re
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig

from multisymbol.backtest.engine import ELSEWHERE, Backtest, BacktestSettings, run_backtest
from multisymbol.backtest.prediction_source import Histories, PredictionSource, StoredModels, SymbolPredictions
from multisymbol.backtest.predictions import in_common
from multisymbol.backtest.walk_forward import RetrainedModels
from multisymbol.cli.backtest_schema import conduct
from multisymbol.errors import BacktestError
from multisymbol.markets.time import iso
from multisymbol.progress import Terminal
from multisymbol.reports.backtest import (
    SEEN_SHORT,
    Background,
    arm_headline,
    backtest_arm_table,
    backtest_headline,
    reasons,
    result_table,
)
from multisymbol.reports.backtest_artifacts import record_backtest
from multisymbol.reports.figures.canvas import percent
from multisymbol.reports.tables.table import Table, show
from multisymbol.training.mlflow_run import git_commit, group_run

_MOST_ROWS = 60
_NAMES_SHOWN = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestResult:
    """What a command came to.

    Args:
        arms: Kind of model -> backtest; a single one where nothing is set against anything.
        accounts: Kind of model -> how the models were chosen.
        tables: What else is to be told of the models.
        histories: The bars.
    """

    arms: Mapping[str, Backtest]
    accounts: Mapping[str, str]
    tables: tuple[Table, ...]
    histories: Histories


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
    how = conduct(values)
    outcome = trade_all(askers(values, run_dir, terminal), how=how)
    _show(outcome, values, terminal, seconds=time.perf_counter() - started)
    kept = keep(outcome, values, run_dir)
    terminal.fact("page", _shown(kept.page))
    terminal.fact("run", kept.run)
    return next(iter(outcome.arms.values())).standing.performance.sharpe


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What stays of a backtest: its page, and the name of its run."""

    page: Path
    run: str


def keep(outcome: BacktestResult, values: Mapping[str, Any], run_dir: Path) -> Kept:
    """Write page and files to the run's folder, and note them in the store."""
    with group_run(values, run_dir, name=_name(outcome)) as noted:
        background = _background(values, outcome, footer=f"Run {noted.name}, code {git_commit()}.")
        page = record_backtest(
            noted, outcome.arms, background=background, accounts=outcome.accounts, values=values, folder=run_dir
        )
    return Kept(page=page, run=noted.name)


def askers(values: Mapping[str, Any], run_dir: Path, terminal: Terminal) -> PredictionSource:
    """Return where answers come from: the registry, or a training for each fold.

    Raises:
        MultisymbolError: Bars, store or folds are not as they must be.
    """
    if values["backtest"]["models"] == "retrained":
        return RetrainedModels.prepare(values, run_dir, terminal)
    return StoredModels.open(values, terminal)


def trade_all(asked: PredictionSource, *, how: BacktestSettings) -> BacktestResult:
    """Ask the models of every arm, and trade; several arms on the symbols and bars that all of them can trade.

    Raises:
        MultisymbolError: See `backtest`.
    """
    said = {arm: asked.ask(arm) for arm in asked.arms}
    if len(said) > 1 and all(each.answers for each in said.values()):
        said = _matched(said)
    results = {arm: run_backtest(each.answers, conduct=how, left_out=each.left_out) for arm, each in said.items()}
    return BacktestResult(
        arms=results,
        accounts={arm: each.account for arm, each in said.items()},
        tables=tuple(table for each in said.values() for table in each.tables),
        histories=asked.histories,
    )


def _matched(said: Mapping[str, SymbolPredictions]) -> dict[str, SymbolPredictions]:
    """Keep the symbols that all arms answer for, each at the bars at which all are asked.

    Raises:
        BacktestError: There are none.
    """
    own = {arm: {each.config.symbol: each for each in asked.answers} for arm, asked in said.items()}
    kept = {
        symbol: dict(zip(said, found, strict=True))
        for symbol in set.intersection(*(set(each) for each in own.values()))
        if (found := in_common([each[symbol] for each in own.values()]))
    }
    if not kept:
        message = f"no symbol is traded by all of the arms {', '.join(said)}; train the models that are missing"
        raise BacktestError(message)
    return {
        arm: replace(
            asked,
            answers=[kept[symbol][arm] for symbol in own[arm] if symbol in kept],
            left_out={**asked.left_out, **{symbol: ELSEWHERE for symbol in own[arm] if symbol not in kept}},
        )
        for arm, asked in said.items()
    }


def _show(outcome: BacktestResult, values: Mapping[str, Any], terminal: Terminal, *, seconds: float) -> None:
    """Print one screen."""
    first = next(iter(outcome.arms.values()))
    terminal.fact("universe", _universe(first, values, outcome.histories))
    if any(each.seen_bars for each in outcome.arms.values()):
        terminal.fact("SEEN", f"{SEEN_SHORT}: nothing below says anything about trading (allow_seen=true)")
    for arm, each in outcome.arms.items():
        terminal.fact("model" if len(outcome.arms) == 1 else arm, _models(each))
    for symbols, why in _left_out(outcome):
        terminal.fact("left out", f"{_listed(symbols)}: {why}")
    terminal.fact("decision", _rule(values["decision"]))
    terminal.fact("fills", " · ".join(_conduct(values).values()))
    for table in outcome.tables:
        terminal.show("")
        terminal.show(show(table, most=_MOST_ROWS))
    terminal.show("")
    several = len(outcome.arms) > 1
    terminal.show(show(backtest_arm_table(outcome.arms) if several else result_table(first), most=_MOST_ROWS))
    terminal.show("")
    for arm, each in outcome.arms.items():
        terminal.fact("costs" if not several else arm[:10], _costs(each))
    terminal.fact("result", arm_headline(outcome.arms) if several else backtest_headline(first))
    terminal.fact("time", f"{seconds:.1f} s")


def _universe(result: Backtest, values: Mapping[str, Any], histories: Histories) -> str:
    count = len(result.traded)
    classes = sorted({each.config.asset_class for each in result.traded.values()})
    track = result.standing.portfolio.track
    return (
        f"{count} symbol{'s' if count > 1 else ''} · {', '.join(classes)} · {histories.source.timeframe.text} · "
        f"{iso(int(track.closed_at[0]))[:10]} .. {iso(int(track.closed_at[-1]))[:10]} · {result.bars:,} bars      "
        f"source {_source(values)}"
    )


def _source(values: Mapping[str, Any]) -> str:
    return str(values["source"].get("root", values["source"]["_target_"].rpartition(".")[2]))


def _models(result: Backtest) -> str:
    """Say who answered, and until when the last of them had seen the world."""
    answerers = [each for one in result.traded.values() for each in one.answers.answerers]
    names = list(dict.fromkeys(each.name for each in answerers))
    unknown = [
        symbol
        for symbol, one in result.traded.items()
        if all(symbol not in each.model.trained for each in one.answers.answerers)
    ]
    until = iso(max(each.seen_until for each in answerers))
    strangers = f" · {len(unknown)} symbols not in its training" if unknown else ""
    return f"{_listed(names, most=3)} · seen until {until}{strangers}"


def _left_out(outcome: BacktestResult) -> Iterator[tuple[list[str], str]]:
    for arm, each in outcome.arms.items():
        for why, symbols in reasons(each.left_out).items():
            if why != ELSEWHERE:
                yield symbols, f"{why} ({arm})" if len(outcome.arms) > 1 else why


def _costs(result: Backtest) -> str:
    return (
        " · ".join(f"{multiple:g}× {percent(each.total_return)}" for multiple, each in result.at_costs.items())
        + "      net return at several times the assumed costs"
    )


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


def _conduct(values: Mapping[str, Any]) -> dict[str, str]:
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


def _background(values: Mapping[str, Any], outcome: BacktestResult, *, footer: str) -> Background:
    return Background(
        source=f"source {_source(values)}",
        timeframe=outcome.histories.source.timeframe.text,
        rule=_rule(values["decision"]),
        conduct=_conduct(values),
        tables=outcome.tables,
        command=_command(),
        footer=footer,
    )


def _name(outcome: BacktestResult) -> str:
    seen = any(each.seen_bars for each in outcome.arms.values())
    return "SEEN-backtest" if seen else "backtest"


def _command() -> str:
    """Return the command that was given."""
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    return shlex.join(["multisymbol", "backtest", *(text.lstrip("+") for text in given)])


def _listed(names: list[str], most: int = _NAMES_SHOWN) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
