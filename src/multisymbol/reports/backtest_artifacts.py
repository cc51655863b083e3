"""What stays of a backtest: its page, pictures, tables, trades and equity, in the run's folder and in the store."""

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from multisymbol.backtest.account import REASONS
from multisymbol.backtest.engine import Backtest, Traded
from multisymbol.backtest.performance import Track
from multisymbol.backtest.run import BacktestResult
from multisymbol.labels.labels import CLASSES
from multisymbol.markets.symbols import slug
from multisymbol.markets.time import Instants, iso
from multisymbol.progress import stage
from multisymbol.registry.store.store import DataFacts, Run
from multisymbol.reports.artifacts import log_figures, log_frame, log_page, log_tables
from multisymbol.reports.backtest import (
    Background,
    BacktestShown,
    arms_page,
    backtest_figures,
    backtest_page,
    trade_figures,
)
from multisymbol.reports.page import OwnSection
from multisymbol.reports.tables import backtest as tables
from multisymbol.reports.tables.predictions import fold_model_tables
from multisymbol.training.mlflow_run import SEALED_TAG, git_commit, group_run
from multisymbol.training.spec import RunSpec

PAGE, TRADES, EQUITY = "backtest.html", "trades.parquet", "equity.parquet"


class RecordedBacktest(NamedTuple):
    """What stays of a backtest: its page, and the name of its run."""

    page: Path
    run: str


def record_backtest(
    result: BacktestResult, spec: RunSpec, folder: Path, *, background: Background, sections: Sequence[OwnSection] = ()
) -> RecordedBacktest:
    """Write and log what came out; of several arms each in a run of its own below the backtest's.

    Args:
        result: What came out.
        spec: How the run is kept.
        folder: The run's folder.
        background: What the page says of the configuration; tables of fold models and the footer are added.
        sections: The user's own sections of the page.
    """
    several, half = len(result.arms) > 1, len(result.arms)
    name = "SEEN-backtest" if result.seen else "backtest"
    with group_run(spec, folder, name=name) as run, stage("page") as progress:
        folder.mkdir(parents=True, exist_ok=True)
        _note(run, result.first, spec)
        background = replace(
            background,
            tables=(*background.tables, *fold_model_tables(result.predictions)),
            footer=f"Run {run.name}, code {git_commit()}.",
        )
        shown: dict[str, BacktestShown] = {}
        for done, (arm, each) in enumerate(result.arms.items()):
            progress.step("figures", done, 2 * half)
            shown[arm] = BacktestShown(
                backtest=each,
                background=background,
                drawn=backtest_figures(each, name=f"{arm} arm" if several else None),
                trades=trade_figures(each),
            )
        accounts = {arm: each.account for arm, each in result.predictions.items()}
        if not several:
            ((arm, only),) = shown.items()
            progress.step("files", half, 2 * half)
            page = _record_one(run, only, account=accounts[arm], folder=folder, sections=sections)
            return RecordedBacktest(page=page, run=run.name)
        for done, (arm, made) in enumerate(shown.items(), start=half):
            progress.step("files", done, 2 * half)
            with group_run(spec, folder / arm, name=f"backtest-{arm}", parent=run) as child:
                _note(child, made.backtest, spec)
                _record_one(child, made, account=accounts[arm], folder=folder / arm, sections=sections)
            run.log_metrics({f"{arm}/{name}": value for name, value in _metrics(made.backtest).items()}, step=0)
        log_tables(run, {"arms": tables.backtest_arm_table(result.arms)})
        page = log_page(run, arms_page(shown, sections=sections), folder / PAGE)
        return RecordedBacktest(page=page, run=run.name)


def _record_one(run: Run, shown: BacktestShown, *, account: str, folder: Path, sections: Sequence[OwnSection]) -> Path:
    result = shown.backtest
    page = log_page(run, backtest_page(shown, sections=sections), folder / PAGE)
    run.log_metrics(_metrics(result), step=0)
    figures = {**shown.drawn, **{f"trades-{slug(symbol)}": each for symbol, each in shown.trades.items()}}
    for figure in figures.values():
        figure.set_layout_engine("none")  # it was laid out for the page
    log_figures(run, figures)
    log_tables(
        run,
        {
            "result": tables.result_table(result),
            "costs": tables.cost_table(result),
            "measures": tables.measure_table(result),
            "money": tables.money_table(result),
            "models": tables.model_table(result),
        },
    )
    run.log_text(account, path="resolution.txt")
    log_frame(run, trade_frame(result), folder / TRADES)
    log_frame(run, equity_frame(result), folder / EQUITY)
    return page


def _note(run: Run, result: Backtest, spec: RunSpec) -> None:
    """Say what the run is, and on which bars."""
    sealed = {} if spec.open_sealed is None else {SEALED_TAG: str(spec.open_sealed)}
    names = {each.name for one in result.traded.values() for each in one.predictions.predictors}
    run.set_tags(
        {
            "verb": "backtest",
            "seen": "yes" if result.seen_bars else "no",
            "models": ", ".join(sorted(names)[:20]),
            "traded": ",".join(result.traded),
            **sealed,
        }
    )
    run.log_params(spec.record.backtest_params())
    facts = [_facts(symbol, each, source=spec.record.source) for symbol, each in result.traded.items()]
    run.log_inputs(facts, context="backtest")


def _facts(symbol: str, traded: Traded, *, source: str) -> DataFacts:
    prices, digest = traded.prices, hashlib.sha256()
    for name in ("closed_at", "open", "high", "low", "close"):
        digest.update(np.ascontiguousarray(getattr(prices, name)).tobytes())
    return DataFacts(
        name=slug(symbol),
        digest=digest.hexdigest()[:16],
        source=source,
        profile={
            "symbol": symbol,
            "asset_class": traded.config.asset_class,
            "bars": len(prices),
            "first": iso(int(prices.closed_at[0])),
            "last": iso(int(prices.closed_at[-1])),
        },
    )


def _metrics(result: Backtest) -> dict[str, float]:
    """Name the numbers of portfolio, classes and symbols, with those of holding beside them."""
    standing, held = result.standing, result.held
    named = tables.logged(standing.performance, "portfolio") | tables.logged(held.performance, "held")
    for kind, each in standing.by_class.items():
        named |= tables.logged(each, f"class/{kind}", each_symbol=True)
    for symbol, each in standing.by_symbol.items():
        named |= tables.logged(each, f"symbol/{slug(symbol)}", each_symbol=True)
    return {
        **named,
        **{f"portfolio/{kind}": money for kind, money in standing.performance.costs.items()},
        **{f"costs/{multiple:g}x_return": each.total_return for multiple, each in result.at_costs.items()},
        "portfolio/information_ratio": result.against.information_ratio,
        "portfolio/information_error": result.against.information_error,
        "seen_bars": float(result.seen_bars),
    }


def trade_frame(result: Backtest) -> pd.DataFrame:
    """Return one row per closed trade of any symbol.

    `entry_bar` and `exit_bar` are the opens of the bars that filled it; the rest is as in `Trades`. `seen`: whether the
    model had seen the bar of the entry.
    """
    return pd.concat([_trades(symbol, each) for symbol, each in result.traded.items()], ignore_index=True)


def _trades(symbol: str, traded: Traded) -> pd.DataFrame:
    trades, prices = traded.account.trades, traded.prices
    names = [each.name for each in fields(trades) if each.name not in {"entry_row", "exit_row", "reason"}]
    return pd.DataFrame(
        {
            "symbol": symbol,
            "entry_bar": _stamps(prices.opened_at[trades.entry_row]),
            "exit_bar": _stamps(prices.opened_at[trades.exit_row]),
            **{name: getattr(trades, name) for name in names},
            "reason": np.array(REASONS)[trades.reason],
            "seen": traded.predictions.seen[trades.entry_row],
        }
    )


def equity_frame(result: Backtest) -> pd.DataFrame:
    """Return one row per traded bar of any symbol, and the portfolio's on its own clock (symbol `portfolio`).

    Beside the account: what models said (`buy`, `hold`, `sell` or `forecast`), the weight decided at the close (empty
    where nothing was), the equity of holding, and whether the model had seen the bar.
    """
    whole = _equity(tables.PORTFOLIO, result.standing.portfolio.track, result.held.portfolio.track)
    return pd.concat([*(_account(symbol, each) for symbol, each in result.traded.items()), whole], ignore_index=True)


def _account(symbol: str, traded: Traded) -> pd.DataFrame:
    predictions, account = traded.predictions, traded.account
    said = predictions.outputs[predictions.first :]
    columns = {"forecast": said} if predictions.of_returns else dict(zip(map(str.lower, CLASSES), said.T, strict=True))
    more = {"cash": account.cash, "units": account.units, "weight": traded.weight, **columns, "seen": predictions.seen}
    return _equity(symbol, traded.track, traded.held).assign(**more)


def _equity(symbol: str, track: Track, held: Track) -> pd.DataFrame:
    return pd.DataFrame(
        {"symbol": symbol, "closed_at": _stamps(track.closed_at), "equity": track.equity, "held": held.equity}
    )


def _stamps(at: Instants) -> pd.DatetimeIndex:
    return pd.to_datetime(at, unit="ns", utc=True)
