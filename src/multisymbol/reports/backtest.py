"""What a person reads of a backtest: tables for the terminal and the run, and one page."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure

from multisymbol.backtest.engine import ELSEWHERE, FREE, Backtest, Traded
from multisymbol.backtest.performance import Against, Performance, against
from multisymbol.markets.provenance import marked, synthetic_lines
from multisymbol.markets.time import NEVER, iso
from multisymbol.reports.figures import backtest as figures
from multisymbol.reports.figures.canvas import percent
from multisymbol.reports.page import Bullets, Caution, Code, Facts, Folded, OwnSection, Page, Part, Section, sections_of
from multisymbol.reports.tables import backtest as tables
from multisymbol.reports.tables.table import Table
from multisymbol.wording import group_by

SEEN_SHORT = "MODELS HAVE SEEN BARS THAT ARE TRADED HERE"

SEEN_WARNING = (
    "MODELS HAVE SEEN BARS THAT WERE TRADED HERE (allow_seen=true): {bars}. They were fitted to what comes after these "
    "decisions, so none of the numbers below says anything about trading, and none may be shown without this sentence."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Background:
    """What a page says beside the numbers."""

    source: str  # where the bars come from, of length `timeframe`
    timeframe: str
    rule: str  # the decision rule, in one line
    settings: Mapping[str, str]  # fills, units, stops, capital, weighting: name -> text
    command: str  # shell command that made the page
    tables: tuple[Table, ...] = ()  # further tables, such as the models of the folds
    footer: str = ""  # run and code


def backtest_headline(backtest: Backtest) -> str:
    """Say in two sentences what came out; who stops there must not go away with a wrong idea."""
    own, held = backtest.standing.performance, backtest.held.performance
    count = len(backtest.traded)
    who = next(iter(backtest.traded)) if count == 1 else f"The portfolio of {count} symbols"
    verb = "won" if own.total_return > 0 else "lost"
    noise = math.isfinite(own.sharpe_error) and abs(own.sharpe) <= 2 * own.sharpe_error
    sharpe = f"Sharpe {tables.with_error(own.sharpe, own.sharpe_error, form='+.2f')}"
    sharpe += ", not distinguishable from 0" if noise else ""
    first = (
        f"{who} {verb} {abs(100 * own.total_return):.1f} % after costs from {iso(own.first_at)[:10]} to "
        f"{iso(own.last_at)[:10]} ({sharpe}); holding: {percent(held.total_return)}."
    )
    if own.trades == 0:
        return f"{first} No trade was made."
    free = backtest.at_costs.get(FREE)
    before = f"Before costs: {percent(free.total_return)}; " if free else ""
    return f"{first} {before}cost per side {own.cost_bps:.1f} bp of notional, {_break_even(own)}."


def backtest_figures(backtest: Backtest, *, name: str | None = None) -> dict[str, Figure]:
    """Draw the portfolio, or the only symbol: equity, months, costs; with several symbols those beside one another.

    `name` says whose equity it is; None: the portfolio's, or the symbol's.
    """
    track, held = backtest.standing.portfolio.track, backtest.held.portfolio.track
    several = len(backtest.traded) > 1
    name = name or (tables.PORTFOLIO if several else next(iter(backtest.traded)))
    drawn = {
        "equity": figures.equity_figure(
            track.closed_at,
            equity=track.equity,
            buy_and_hold=held.equity,
            capital=backtest.capital,
            name=f"{name}{tables.mark(backtest)}",
        ),
        "months": figures.months_figure(track.closed_at, equity=track.equity, capital=backtest.capital),
        "costs": figures.cost_figure(
            np.array(list(backtest.at_costs)),
            net_return=np.array([each.total_return for each in backtest.at_costs.values()]),
        ),
    }
    if several:
        drawn["symbols"] = _symbols(backtest)
    return drawn


def trade_figures(backtest: Backtest) -> dict[str, Figure]:
    """Draw the trades of the only symbol, or of the best and the worst one."""
    ranked = sorted(backtest.traded, key=lambda symbol: backtest.standing.by_symbol[symbol].total_return)
    shown = dict.fromkeys([ranked[-1], ranked[0]])
    return {symbol: _trades(backtest.traded[symbol]) for symbol in shown}


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestShown:
    """What the page of a backtest shows: what came out, what it came from, `backtest_figures` and `trade_figures`."""

    backtest: Backtest
    background: Background
    drawn: Mapping[str, Figure]
    trades: Mapping[str, Figure]


def backtest_page(shown: BacktestShown, *, sections: Iterable[OwnSection] = ()) -> Page:
    """Write the page of one backtest; `sections` are the user's own."""
    seen = "SEEN: " if shown.backtest.seen_bars else ""
    title = f"{seen}Backtest of {_who(shown.backtest)}, {shown.background.timeframe}"
    return Page(
        title=marked(title, synthetic=bool(generated(shown.backtest))),
        lead=_lead(shown.backtest),
        sections=sections_of("backtest", shown, SECTIONS, sections),
        footer=shown.background.footer,
    )


def _who(backtest: Backtest) -> str:
    count = len(backtest.traded)
    return next(iter(backtest.traded)) if count == 1 else f"{count} symbols"


READING = Bullets(
    items=(
        "A decision is made at a bar's close, from this bar and earlier ones, and filled as described above.",
        "Every trade pays the costs of its entry and exit. Positions still open at the end are closed, and that cost "
        "is in the last point of the equity. The net of a symbol's trades is the change of its account.",
        "Cash earns nothing. Holding buys every symbol at its first close and pays the same costs.",
        "Many backtests of one time span are many trials: the best of them is biased upwards.",
    )
)
"""How the numbers are to be read."""

SECTIONS: tuple[Callable[[BacktestShown], Section | None], ...] = (
    lambda shown: Section(
        title="Equity", parts=(*_cautions(shown.backtest), shown.drawn["equity"], shown.drawn["months"])
    ),
    lambda shown: Section(
        title="Measures", note="Annualised over the time the bars span.", parts=(tables.measure_table(shown.backtest),)
    ),
    lambda shown: (
        Section(title="Symbols", parts=(shown.drawn["symbols"], tables.result_table(shown.backtest)))
        if len(shown.backtest.traded) > 1
        else None
    ),
    lambda shown: Section(
        title="Costs",
        note="The same decisions at several multiples of the assumed costs.",
        parts=(
            shown.drawn["costs"],
            tables.cost_table(shown.backtest),
            Folded(title="Where the money went", parts=(tables.money_table(shown.backtest),)),
        ),
    ),
    lambda shown: Section(
        title="Trades",
        note=f"The best and the worst symbol: {', '.join(shown.trades)}." if len(shown.backtest.traded) > 1 else "",
        parts=(*shown.trades.values(), tables.reason_table(shown.backtest)),
    ),
    lambda shown: Section(title="Models", parts=(*_models(shown.backtest), *shown.background.tables)),
    lambda shown: Section(
        title="Trading rules", parts=(Facts(items=tuple(_settings(shown.backtest, shown.background))), READING)
    ),
    lambda shown: Section(title="Run it again", parts=(Code(text=shown.background.command),)),
)
"""The sections of the page, from top to bottom: one more is one more function in this list."""


# --- Arms ------------------------------------------------------------------------------------------------------------


def arm_headline(arms: Mapping[str, Backtest]) -> str:
    """Say which arm earned more, and whether that is distinguishable from chance."""
    (first, one), (second, other) = arms.items()
    beside = against(one.standing.portfolio.track, other.standing.portfolio.track)
    own = [percent(each.standing.performance.total_return) for each in arms.values()]
    return (
        f"After costs the {first} arm made {own[0]}, the {second} arm {own[1]} (holding: "
        f"{percent(one.held.performance.total_return)}) {_on_what(one, other, first)}. {_difference(beside)}"
    )


def _difference(beside: Against) -> str:
    if not math.isfinite(beside.information_ratio):
        return "There is no difference between them."
    clear = abs(beside.information_ratio) > 2 * beside.information_error
    ratio = tables.with_error(beside.information_ratio, beside.information_error, form="+.2f")
    return f"The difference is {'' if clear else 'not '}distinguishable from chance: information ratio {ratio}."


def _on_what(one: Backtest, other: Backtest, first: str) -> str:
    if len(one.traded) == 1:
        return f"on the same bars of {next(iter(one.traded))}"
    returns = [{symbol: each.total_return for symbol, each in arm.standing.by_symbol.items()} for arm in (one, other)]
    better = sum(returns[0][symbol] > returns[1][symbol] for symbol in one.traded)
    return f"on the same {len(one.traded)} symbols and bars; the {first} model did better for {better} of them"


ArmsShown: TypeAlias = Mapping[str, BacktestShown]
"""Arm -> what its own page shows."""


def arms_page(shown: ArmsShown, *, sections: Iterable[OwnSection] = ()) -> Page:
    """Write the page that sets two arms beside one another; `sections` are the user's own."""
    arms = {name: each.backtest for name, each in shown.items()}
    first = next(iter(shown.values()))
    # What only another arm cannot trade is left out here: that arm says so itself.
    own = (
        replace(arm, left_out={symbol: why for symbol, why in arm.left_out.items() if why != ELSEWHERE})
        for arm in arms.values()
    )
    cautions = dict.fromkeys(caution for each in own for caution in _cautions(each))
    equities = (each.drawn["equity"] for each in shown.values())
    seen = [_seen_text(each) for each in arms.values() if each.seen_bars]
    title = f"{' against '.join(arms)}, {_who(first.backtest)}, {first.background.timeframe}"
    made_up = synthetic_lines(generated(first.backtest), of=len(first.backtest.traded))
    return Page(
        title=marked(f"{'SEEN: ' if seen else ''}{title}", synthetic=bool(made_up)),
        lead=" ".join([*made_up, *seen, arm_headline(arms)]),
        sections=(
            Section(title="Side by side", parts=(*cautions, tables.backtest_arm_table(arms), *equities)),
            *(_arm_section(name, each) for name, each in shown.items()),
            *sections_of("arms", shown, ARM_SECTIONS, sections),
        ),
        footer=first.background.footer,
    )


def _arm_section(name: str, shown: BacktestShown) -> Section:
    drawn, arm = shown.drawn, shown.backtest
    symbols = [drawn["symbols"]] if "symbols" in drawn else []
    return Section(
        title=f"Arm: {name}",
        note=backtest_headline(arm),
        parts=(*symbols, tables.result_table(arm), drawn["costs"], tables.cost_table(arm)),
    )


ARM_SECTIONS: tuple[Callable[[ArmsShown], Section | None], ...] = (
    lambda shown: Section(
        title="Models",
        parts=(
            *(Folded(title=name, parts=tuple(_models(each.backtest))) for name, each in shown.items()),
            *next(iter(shown.values())).background.tables,
        ),
    ),
    lambda shown: SECTIONS[-2](next(iter(shown.values()))),
    lambda shown: SECTIONS[-1](next(iter(shown.values()))),
)
"""The sections below those of the arms."""


# --- Parts -----------------------------------------------------------------------------------------------------------


def _lead(backtest: Backtest) -> str:
    made_up = synthetic_lines(generated(backtest), of=len(backtest.traded))
    return " ".join([*made_up, *([_seen_text(backtest)] if backtest.seen_bars else []), backtest_headline(backtest)])


def generated(backtest: Backtest) -> list[str]:
    """Return the symbols whose bars were generated."""
    return [symbol for symbol, each in backtest.traded.items() if each.predictions.bars.synthetic]


def _seen_text(backtest: Backtest) -> str:
    return SEEN_WARNING.format(bars=f"{backtest.seen_bars:,} of {backtest.bars:,} bars")


def _cautions(backtest: Backtest) -> Iterator[Caution]:
    if backtest.seen_bars:
        yield Caution(text=_seen_text(backtest))
    for line in synthetic_lines(generated(backtest), of=len(backtest.traded)):
        yield Caution(text=line)
    for why, symbols in reasons(backtest.left_out).items():
        yield Caution(text=f"Not included: {', '.join(symbols)} ({why}).")
    ruined = [symbol for symbol, each in backtest.standing.by_symbol.items() if each.ruined_at != NEVER]
    if ruined:
        yield Caution(text=f"Ruined and no longer traded: {', '.join(ruined)}.")


def reasons(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the symbols that are left out, by the reason."""
    return group_by(left_out, left_out.__getitem__)


def _break_even(own: Performance) -> str:
    if not math.isfinite(own.break_even_bps):
        return "break-even cost unknown after ruin"
    if own.break_even_bps <= 0:
        return "and it loses even without costs"
    return f"break-even cost {own.break_even_bps:.1f} bp"


def _symbols(backtest: Backtest) -> Figure:
    symbols = sorted(backtest.traded, key=lambda symbol: -backtest.standing.by_symbol[symbol].total_return)
    return figures.symbols_figure(
        symbols,
        net_return=np.array([backtest.standing.by_symbol[each].total_return for each in symbols]),
        gross_return=np.array([tables.gross_return(backtest.traded[each]) for each in symbols]),
        buy_and_hold=np.array([backtest.held.by_symbol[each].total_return for each in symbols]),
    )


def _trades(traded: Traded) -> Figure:
    trades, prices = traded.account.trades, traded.prices
    order = np.argsort(trades.entry_row, kind="stable")
    return figures.trades_figure(
        prices.closed_at,
        close=prices.close,
        trades=figures.TradeMarks(
            entry_row=trades.entry_row[order],
            exit_row=trades.exit_row[order],
            side=trades.side[order].astype(np.int8),
            entry_price=trades.entry_price[order],
            exit_price=trades.exit_price[order],
            net=trades.net[order],
        ),
    )


def _models(backtest: Backtest) -> Iterator[Part]:
    table = tables.model_table(backtest)
    names = sorted({str(row[1]) for row in table.rows})
    if len(names) == 1:
        yield f"One model forecast all symbols: {names[0]}."
    yield table


def _settings(backtest: Backtest, background: Background) -> Iterator[tuple[str, str]]:
    yield "bars", f"{backtest.bars:,} of {background.timeframe}, {background.source}"
    yield "decisions", background.rule
    yield from background.settings.items()
    for name, costs in _class_costs(backtest).items():
        yield f"costs, {name}", costs


def _class_costs(backtest: Backtest) -> dict[str, str]:
    """Write the costs of each class; symbols whose own differ are counted."""
    written: dict[str, list[str]] = {}
    for each in backtest.traded.values():
        costs = each.config.costs
        parts = [
            f"{getattr(costs, name):g} {name.replace('_', ' ')}"
            for name in costs.__dataclass_fields__
            if getattr(costs, name)
        ]
        written.setdefault(each.config.asset_class, []).append(", ".join(parts) or "none")
    texts = {}
    for name, found in written.items():
        kinds = list(dict.fromkeys(found))
        texts[name] = " or ".join(kinds) if len(kinds) < 4 else f"{len(kinds)} kinds, first {kinds[0]}"
    return texts
