"""The page of a trace: one table for each step, from the raw bars to the part a sample has in the loss."""

from collections.abc import Iterator, Sequence
from operator import itemgetter

import numpy as np
import pandas as pd

from multisymbol.labels.labels import CLASSES, UNRESOLVED
from multisymbol.markets.provenance import marked
from multisymbol.markets.sessions import SessionClock
from multisymbol.markets.time import NEVER, iso
from multisymbol.reports.lineage import Lineage, LineageColumn, Value
from multisymbol.reports.tables.table import Column, Table, column, columns, plain_table, tabulate, to_markdown
from multisymbol.samples.dataset import DataSpec, FoldDataset
from multisymbol.samples.fold import PURGED, TEST, TRAIN, VALIDATION, Fold, FoldAssignment, Span
from multisymbol.samples.ledger import Ledger

BARS_SHOWN = 5
PARTS = {TRAIN: "train", VALIDATION: "validation", TEST: "test", PURGED: "purged"}


def sections(traced: Lineage, spec: DataSpec, prepared: FoldDataset, *, folds: Sequence[FoldDataset]) -> list[Table]:
    """Return the tables a person reads, from the raw bars to the loss; scaling and mixture are those of `prepared`."""
    asked = f"{traced.config.symbol} at {iso(traced.asked)}"
    index = prepared.universe.symbols.index(traced.config.symbol)
    indicators = [column for column in traced.columns if column.kind == "raw" and column.made_from]
    memberships = [column for column in traced.columns if column.kind == "membership"]
    rest = [column for column in traced.columns if not column.made_from]
    labeller = str(traced.config.label["_target_"]).rpartition(".")[2]
    made = [(each.name, str(each.value), each.origin) for each in traced.label.made_from]
    rows = [_fold_row(traced, each) for each in folds]
    return [
        _facts(marked(asked, synthetic=traced.bars.synthetic), _head(traced)),
        _bar_table(traced),
        _made_table("indicators", indicators, what="parameters"),
        _made_table("memberships", memberships, what="break points"),
        _scaled_table(traced, prepared, method=spec.scaling.method),
        _facts("clock and flags", [(column.name, f"{column.value:.6g}") for column in rest]),
        _facts("window", _window(traced, size=spec.window)),
        _facts("label", _label_facts(traced)),
        plain_table(f"labeller {labeller}", made, "parameter", "value", "written in"),
        plain_table("fold", rows, "fold", "validation from", "test from", "until", "part", "because"),
        _facts("mixture", _mixture_facts(traced, prepared, index)),
    ]


def _facts(title: str, facts: Sequence[tuple[str, str]]) -> Table:
    return plain_table(title, facts, "fact", "value")


def _head(traced: Lineage) -> list[tuple[str, str]]:
    config, bars, closed_at = traced.config, traced.bars, int(traced.bars.closed_at[traced.row])
    exactly = "known exactly then" if closed_at == traced.asked else "the latest known by then"
    return [
        ("symbol", f"{config.symbol} · {config.asset_class} · calendar {config.calendar} · {bars.timeframe.text} bars"),
        ("bars", f"{bars.origin} · {len(bars):,} from {iso(int(bars.opened_at[0]))} to {iso(int(bars.closed_at[-1]))}"),
        ("bar", f"row {traced.row:,}, known at {iso(closed_at)}: {exactly}"),
        (
            "sample",
            f"none: {traced.refusal}" if traced.position is None else f"number {traced.position:,} of the ledger",
        ),
    ]


def _bar_table(traced: Lineage) -> Table:
    bars, rows = traced.bars, range(max(traced.row - BARS_SHOWN + 1, 0), traced.row + 1)
    sessions = traced.clock.facts(bars.closed_at[rows] - 1).session

    def price(name: str) -> Column:
        values = getattr(bars, name)
        return column(name, ".6g", of=lambda item: float(values[item[0]]))

    return tabulate(
        f"raw bars, the last {len(rows)}",
        list(zip(rows, sessions.tolist(), strict=True)),
        column("row", ",d", of=itemgetter(0)),
        column("opened at", of=lambda item: iso(int(bars.opened_at[item[0]])), spare=1),
        column("known at", key="closed_at", of=lambda item: iso(int(bars.closed_at[item[0]]))),
        *map(price, ("open", "high", "low", "close", "volume")),
        column("segment", "d", of=lambda item: int(bars.segment[item[0]]), spare=3),
        column("session", of=lambda item: _session(traced.clock, item[1]), spare=2),
        note=f"sessions by the clock of {traced.clock.timezone}",
    )


def _session(clock: SessionClock, session: int) -> str:
    """Write a session's hours on its own clock."""
    opened, closed = (
        pd.Timestamp(int(at), unit="ns", tz="UTC").tz_convert(clock.timezone)
        for at in (clock.opens[session], clock.closes[session])
    )
    until = "%H:%M" if opened.date() == closed.date() else "%Y-%m-%d %H:%M"
    return f"{opened.strftime('%a %Y-%m-%d %H:%M')} .. {closed.strftime(until)}"


def _made_table(title: str, made: Sequence[LineageColumn], *, what: str) -> Table:
    return tabulate(
        title,
        made,
        column("column", of="name"),
        column("value", ".6g"),
        column(what, key="made_from", of=lambda each: ", ".join(f"{own.name} {own.value}" for own in each.made_from)),
        column("written in", key="origin", of=lambda each: _origins(each.made_from)),
    )


def _origins(made_from: Sequence[Value]) -> str:
    """Name the file once where all values come from one."""
    files = list(dict.fromkeys(each.origin for each in made_from))
    if len(files) < 2:
        return "".join(files)
    return ", ".join(
        f"{' and '.join(each.name for each in made_from if each.origin == file)}: {file}" for file in files
    )


def _scaled_table(traced: Lineage, prepared: FoldDataset, *, method: str) -> Table:
    scaler, config, shares = prepared.scaler, traced.config, prepared.shares
    fitted = [symbol == config.symbol for symbol in prepared.universe.symbols]
    whose = f"of {config.symbol}"
    if config.symbol not in scaler.by_symbol:
        fitted = [each.asset_class == config.asset_class for each in prepared.universe]
        whose = f"of its class {config.asset_class}"
    span = f"{iso(scaler.fitted_from)} to {iso(scaler.fitted_until)}"
    return tabulate(
        "scaled features: (value - center) / spread",
        (each for each in traced.columns if each.kind == "raw"),
        column("column", of="name"),
        *columns("value", "center", "spread", "scaled", form=".6g"),
        note=f"{method}, fitted on {int(shares.rows[fitted].sum()):,} train rows {whose}; span of the fit {span}",
    )


def _window(traced: Lineage, *, size: int) -> list[tuple[str, str]]:
    bars, first, last, count = traced.bars, traced.window_rows[0], traced.row, len(traced.window_rows)
    gaps = "" if count == last - first + 1 else ", those of the common hours alone"
    return [
        ("bars", f"{count} of window={size}: rows {first:,} to {last:,}{gaps}"),
        ("span", f"{iso(int(bars.opened_at[first]))} to {iso(int(bars.closed_at[last]))}"),
        ("with its warm-up", f"from {iso(traced.window_start)}: nothing before it has a part in the sample"),
    ]


def _label_facts(traced: Lineage) -> list[tuple[str, str]]:
    label, bars = traced.label, traced.bars
    facts = [("value", "unresolved" if label.value == UNRESOLVED else CLASSES[label.value])]
    if label.resolved_row is not None:
        row = label.resolved_row
        later = (
            f"{row - traced.row} bar{'s' * (row > traced.row + 1)} later, "
            f"by the close of {bars.close[row]:.6g} after {bars.close[traced.row]:.6g}"
        )
        facts += [("known at", f"{iso(label.resolved_at)}, {later}")]
    facts += [
        ("no-skill rule", "silent" if label.rule == UNRESOLVED else CLASSES[label.rule]),
        ("target", "none" if np.isnan(label.target) else f"{label.target:.6g}"),
    ]
    return facts


def _fold_row(traced: Lineage, prepared: FoldDataset) -> tuple[str, ...]:
    fold = prepared.parts.fold
    until = "the end" if fold.test_until == NEVER else iso(fold.test_until)
    cuts = (fold.name, iso(fold.validation_from), iso(fold.test_from), until)
    if traced.position is None:
        return (*cuts, "none", f"no sample ({traced.refusal.partition(':')[0]})")
    part = PARTS[int(prepared.parts.part[traced.position])]
    return (*cuts, part, why(prepared.ledger, prepared.parts, traced.position))


def why(ledger: Ledger, parts: FoldAssignment, position: int) -> str:
    """Say which condition of a fold put a sample into its part."""
    fold, part = parts.fold, int(parts.part[position])
    decided_at, resolved_at = int(ledger.decided_at[position]), int(ledger.resolved_at[position])
    decided, known = f"decided at {iso(decided_at)}", f"label known at {iso(resolved_at)}"
    clear = " and clear of every test span" if fold.blocks else ""
    if part == TRAIN:
        return f"{known}, before {iso(fold.validation_from - fold.embargo_ns)} (the cut less the embargo){clear}"
    if part == TEST:
        return f"{decided}, in the test span {_span(_test_span(fold, decided_at))}"
    if part == VALIDATION and not clear:
        return f"{decided}; {known}, before {iso(fold.test_from - fold.embargo_ns)} (the cut less the embargo)"
    return (
        f"{decided}, after the cut{clear}"
        if part == VALIDATION
        else f"{decided}, {known}: {_purge(ledger, parts, position)}"
    )


def _purge(ledger: Ledger, parts: FoldAssignment, position: int) -> str:
    """Name the first condition that keeps a sample out of all parts."""
    fold, symbol = parts.fold, ledger.symbols[ledger.symbol[position]]
    decided_at, resolved_at = int(ledger.decided_at[position]), int(ledger.resolved_at[position])
    span, cut = _test_span(fold, decided_at), fold.validation_from - fold.embargo_ns
    begins = iso(int(ledger.window_start[position]))
    spans = " and ".join(map(_span, fold.test_spans))
    reasons = [
        (resolved_at >= fold.sealed_from, f"not before the seal at {iso(fold.sealed_from)}"),
        (symbol in fold.left_out, f"{symbol} is left out of this fold's training, and this is not in its test span"),
        (decided_at < fold.train_from, f"before the train part begins at {iso(fold.train_from)}"),
        (not fold.blocks and decided_at >= fold.test_until, "after the test part"),
        (span is not None, f"in the test span {_span(span)}, in which only the symbols left out are tested"),
        (decided_at < fold.validation_from and resolved_at >= cut, f"not before {iso(cut)}: {_CARRIES} the cut"),
        (not fold.blocks, f"not before {iso(fold.test_from - fold.embargo_ns)}: {_CARRIES} the cut"),
        (True, f"with its window, from {begins} on, {_CARRIES} the border of a test span ({spans})"),
    ]
    return next(text for holds, text in reasons if holds)


_CARRIES = "it would carry prices over"


def _test_span(fold: Fold, at: int) -> Span | None:
    return next((span for span in fold.test_spans if span.start <= at < span.stop), None)


def _span(span: Span | None) -> str:
    return "" if span is None else f"{iso(span.start)} .. {iso(span.stop)}"


def _mixture_facts(traced: Lineage, prepared: FoldDataset, index: int) -> list[tuple[str, str]]:
    shares = prepared.shares
    if shares.rows[index] == 0:
        return [("share", "none: the symbol does not train")]
    weight = float(shares.weight[index])
    own = 1.0 if traced.position is None else float(prepared.ledger.weight[traced.position])
    pool = int(shares.rows[index] - shares.dropped[index])
    return [
        ("share", f"{shares.share[index]:.2%} of the loss"),
        ("draws", f"{int(shares.draws[index]):,} per epoch from {pool:,} train samples of {traced.config.symbol}"),
        ("passes", f"{shares.passes[index]:.3f} per epoch"),
        ("loss weight", f"{weight * own:.6g} = {weight:.6g} of the symbol x {own:.6g} of the sample"),
    ]


def markdown(tables: Sequence[Table]) -> Iterator[str]:
    """Yield the tables as Markdown, the first under the page's title."""
    for level, table in zip(["#", *["##"] * (len(tables) - 1)], tables, strict=True):
        yield f"{level} {table.title}\n"
        if table.note:
            yield f"{table.note}\n"
        yield to_markdown(table)
