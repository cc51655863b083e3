"""The lines a run says before it trains: what it uses, what it dropped, where it cuts."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from multisymbol.config.record import ConfigRecord
from multisymbol.markets.io.download import downloads_of
from multisymbol.markets.provenance import provenance_of, synthetic_lines
from multisymbol.markets.symbols import SymbolConfig
from multisymbol.markets.time import NEVER, iso
from multisymbol.progress import Terminal
from multisymbol.registry.store.versions import lacks_skill
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import Fold, FoldAssignment
from multisymbol.wording import listed, short_path

_NAMES_SHOWN = 8
_NO_CUT = ("absent", "embargo_bars", "test_until", "sealed_from")
_ROLES = {
    "trains only": "train only (no test rows)",
    "unseen": "scored as unseen (no train rows)",
    "unused": "left out (no rows, or no train rows of their class)",
}


def describe_run(folds: Sequence[FoldDataset], record: ConfigRecord, terminal: Terminal, *, seconds: float) -> None:
    """Print universe, drops, panel, folds and sampling; a person acts on each of them."""
    dataset = folds[0]
    mark_synthetic(dataset, terminal)
    terminal.fact("universe", _universe(dataset, record))
    for text in _late(dataset):
        terminal.fact("late", text)
    terminal.fact("dropped", _dropped(dataset))
    name_suspects(dataset, terminal)
    terminal.fact("panel", _panel(dataset, seconds=seconds))
    for item in folds:
        terminal.fact("fold", _fold(item.parts.fold))
        if absent := _absent(item.parts):
            terminal.fact("absent", absent)
    terminal.fact("cut by", _cut_by(record))
    terminal.fact("sampling", _sampling(dataset, record))


def mark_synthetic(dataset: FoldDataset, terminal: Terminal) -> None:
    """Print first that the bars are generated, where they are."""
    mark_source(dataset.source, tuple(dataset.universe), terminal)


def mark_source(source: object, configs: Sequence[SymbolConfig], terminal: Terminal) -> None:
    """Print which symbols' bars a source generates; their bars need not be read yet."""
    generated = [config.symbol for config in configs if provenance_of(source, config) == "synthetic"]
    for line in synthetic_lines(generated, of=len(configs)):
        terminal.show(Text(line))


def name_suspects(dataset: FoldDataset, terminal: Terminal) -> None:
    """Print symbols with prices in another unit, and those that repeat another one's."""
    suspects = dataset.panel.suspects
    for suspect in suspects[:_NAMES_SHOWN]:
        terminal.fact("suspect", suspect)
    if len(suspects) > _NAMES_SHOWN:
        terminal.fact("suspect", f"{len(suspects) - _NAMES_SHOWN} more: multisymbol check-data names all")


def no_skill(pooled: Mapping[str, float], by_symbol: Mapping[str, Mapping[str, float]]) -> str | None:
    """Say where a model is no better than a forecast that needs none; None where it is better for every symbol.

    `pooled` and each of `by_symbol` hold `test_skill`.
    """
    worse = [symbol for symbol, scores in by_symbol.items() if lacks_skill(scores["test_skill"])]
    if lacks_skill(pooled["test_skill"]):
        return (
            f"none over all test rows: a forecast without skill is as good or better for {_counted(worse, by_symbol)}"
        )
    if worse:
        return (
            f"no better than no-skill for {_counted(worse, by_symbol)}; elsewhere it may be the labels' mechanics alone"
        )
    return None


def _counted(names: Sequence[str], of: Mapping[str, Any]) -> str:
    named = f" ({listed(names, most=_NAMES_SHOWN)})" if 0 < len(names) < len(of) else ""
    return f"{len(names)} of {len(of)} symbols{named}"


def _universe(dataset: FoldDataset, record: ConfigRecord) -> str:
    panel = dataset.panel
    count = len(dataset.universe)
    span = f"{iso(int(panel.opened_at.min()))[:10]} .. {iso(int(panel.closed_at.max()))[:10]}"
    source = record.source if "root" in record.data["source"] else record.choice("source")
    return (
        f"{count} symbol{'s' if count > 1 else ''} · {', '.join(dataset.universe.asset_classes)} · "
        f"{dataset.source.timeframe.text} · {span} · {len(panel.closed_at):,} bars      source {source}"
    )


def _late(dataset: FoldDataset) -> list[str]:
    """Name downloads that begin long after they should."""
    downloads = downloads_of(dataset.source)
    found = [] if downloads is None else [text for each in dataset.universe if (text := downloads.late_start(each))]
    more = [f"and {len(found) - _NAMES_SHOWN} more; check-data lists all"] if len(found) > _NAMES_SHOWN else []
    return [*found[:_NAMES_SHOWN], *more]


def _dropped(dataset: FoldDataset) -> str:
    counts = dataset.ledger.counts
    purged = sum(count.purged for count in dataset.parts.counts)
    parts = {
        "other hours": sum(count.misaligned for count in counts),
        "warm-up": sum(count.warmup for count in counts),
        "filling windows": sum(count.filling for count in counts),
        "unresolved labels": sum(count.unresolved for count in counts),
        "strided": sum(count.strided for count in counts),
        "purged at the edges": purged,
        "never drawn": int(dataset.shares.dropped.sum()),
    }
    text = " · ".join(f"{name} {number:,}" for name, number in parts.items() if number)
    bad = {**dataset.panel.dropped, **{f"{kind} kept": n for kind, n in dataset.panel.kept_defects.items()}}
    rows = "".join(f" · {kind.replace('_', ' ')} {number:,}" for kind, number in bad.items() if number)
    defects = f" · defects{rows.replace(' ·', ':', 1)}" if rows else ""
    return f"{text} of {len(dataset.panel.closed_at):,} bars{defects}      (per symbol: tables/bars.csv in the run)"


def _panel(dataset: FoldDataset, *, seconds: float) -> str:
    panel = dataset.panel
    size = panel.features.nbytes / 1e6
    how = f"{'reused' if panel.reused else 'built'}, ready in {seconds:.1f} s"
    return f"{len(panel.spec.columns)} features · {size:,.0f} MB · {how} · {short_path(panel.folder)}"


def _fold(fold: Fold) -> str:
    spans = [f"{iso(span.start)}..{'the end' if span.stop == NEVER else iso(span.stop)}" for span in fold.test_spans]
    hours = fold.embargo_ns / 3.6e12
    return (
        f"{fold.name}: train ..{iso(fold.validation_from)} │ validation from there │ test {', '.join(spans)}"
        f"      purged by label span, embargo {hours:g} h"
    )


def _absent(parts: FoldAssignment) -> str:
    """Name the symbols that do not both train and get tested; empty where all do, or where some are left out to see."""
    names: dict[str, list[str]] = {}
    for count in parts.counts:
        if count.role != "trained" and not parts.fold.left_out:
            names.setdefault(_ROLES[count.role], []).append(count.symbol)
    return " · ".join(f"{role}: {listed(symbols, most=_NAMES_SHOWN)}" for role, symbols in names.items())


def _cut_by(record: ConfigRecord) -> str:
    """Name the keys that change the instants, with their values."""
    split = record.data["split"].get("cut", record.data["split"])
    keys = {key: value for key, value in split.items() if key not in _NO_CUT and key[0] != "_"}
    unset = ", ".join(key for key, value in keys.items() if value is None)
    given = " ".join(f"{key}={value}" for key, value in keys.items() if value is not None)
    return f"split: {given}" + (f"; or set {unset}" if unset else "")


def _sampling(dataset: FoldDataset, record: ConfigRecord) -> str:
    shares = dataset.shares
    trained = shares.rows > 0
    share, passes = shares.share[trained] * 100, shares.passes[trained]
    name = record.choice("sampling").lower()
    spread = f"{share.min():.1f} %" if share.max() - share.min() < 0.05 else f"{share.min():.1f} to {share.max():.1f} %"
    draws = int(shares.draws.sum())
    often = f"each row {passes.min():.2f} to {passes.max():.2f} times"
    return f"{name}: {spread} each · an epoch draws {draws:,} samples, {often}"
