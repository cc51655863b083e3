"""The panel: features, labels and times of all symbols, on disk, memory-mapped, content-addressed."""

import dataclasses
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache as once
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from multisymbol.arrays import Codes, Flags, Ints, Singles
from multisymbol.config.names import registered, stored_form
from multisymbol.config.own_code import own_code
from multisymbol.errors import FeatureError, MultisymbolError, raise_all
from multisymbol.features.indicators import modules_of
from multisymbol.features.pipeline import FeatureSpec, feature_rows
from multisymbol.features.scaling import Scaler
from multisymbol.labels.labels import CLASSES, Labeller, label_bars
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.source import BarSource
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.suspects import ReturnPrints, return_prints, suspects
from multisymbol.markets.symbols import SymbolConfig, Universe
from multisymbol.markets.time import Instants, Period, iso
from multisymbol.samples.storage import ArrayFile, found_or_made, writing

_log = logging.getLogger(__name__)

_PACKAGE = Path(__file__).parents[1]
_LIBRARIES = ("numpy", "pandas", "numba", "TA-Lib", "exchange_calendars")
"""Libraries whose release may change a number in a panel."""

_COLUMNS: Mapping[str, type[np.generic]] = {
    "features": np.float32,
    "opened_at": np.int64,
    "closed_at": np.int64,
    "segment": np.int32,
    "ready": np.bool_,
    "label": np.int8,
    "resolved_at": np.int64,
    "rule": np.int8,
    "target": np.float32,
}
"""The files of a panel and what they hold."""

_SCALED_AT_ONCE = 1 << 16
"""Rows scaled in one go: some MB, however long a history is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """All bars of a universe, symbol after symbol, N rows; every array is a read-only memory map."""

    folder: Path  # where it lies
    key: str  # hash of all that made it
    reused: bool  # whether it was found rather than built
    spec: FeatureSpec  # columns of `features`
    symbols: tuple[str, ...]  # names, in the universe's order
    asset_classes: tuple[str, ...]  # class of each symbol
    offsets: Ints  # rows of symbol i are offsets[i]:offsets[i+1]. int64, shape (symbols + 1,)
    features: Singles  # unscaled, NaN while warming up. float32, shape (N, features)
    opened_at: Instants  # shape (N,), as all that follow to `target`
    closed_at: Instants
    segment: npt.NDArray[np.int32]  # uninterrupted stretch within the symbol. int32
    ready: Flags  # past the warm-up
    label: Codes  # 0, 1, 2 or -1; likewise `rule`, the labels' own mechanics. int8
    resolved_at: Instants  # NEVER where unresolved. int64
    rule: Codes
    target: Singles  # what a regression learns, known when the label is; NaN where there is none. float32
    warmup_bars: Ints  # per symbol. int64, shape (symbols,)
    fingerprints: Mapping[str, str]  # symbol -> hash of its bars
    dropped: Mapping[str, int]  # kind of defect -> rows left out of all files under the policy `drop`
    kept_defects: Mapping[str, int]  # kind of defect -> rows (or, of gaps, bars) in all files under the policy `keep`
    suspects: tuple[str, ...] = ()  # what to look at before trusting the bars, in words
    synthetic: bool = False  # whether any bars were generated

    def rows(self, index: int) -> slice:
        """Rows of the symbol with this index."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))


def ensure_panel(
    cache: Path,
    *,
    universe: Universe,
    source: BarSource,
    period: Period,
    spec: FeatureSpec,
    labellers: Mapping[str, Labeller],
    progress: Callable[[str, int, int], None] | None = None,
) -> Panel:
    """Open the panel for these choices, or build it: symbol by symbol, in a temporary folder, renamed when whole.

    The key covers the bars' fingerprints, the resolved symbol configs, spec, period, the source code of `markets`,
    `features` and `labels`, and the releases of the libraries they compute with: a changed formula is another panel.
    Labels, indicators and sources of the user's own count with the source code of their package. A folder that is not
    whole is built again, never trusted.

    One symbol is in memory at a time: its bars are read, and its rows appended, once. After the first defect the other
    symbols are still read, to list theirs too, and nothing is kept. `progress` is called with (symbol, done, all).

    Raises:
        BarsError: One error with the defects of ALL files, nothing written. Likewise SourceError for missing symbols.
            Where the kinds differ, the class is that of the first.
        OutputError: The cache cannot be written.
    """
    choices = _Choices(universe=universe, source=source, period=period, spec=spec, labellers=labellers)
    recipe = _recipe(choices)
    folder = cache / f"panel-{_key(recipe)[:16]}"

    def build(temporary: Path) -> None:
        with writing(cache):
            temporary.mkdir()
        facts, prints = _fill(temporary, choices, progress=progress)
        _write_facts(temporary, recipe=recipe, facts=facts, prints=prints)

    panel, built = found_or_made(folder, find=lambda: _open(folder, choices=choices, recipe=recipe), make=build)
    return dataclasses.replace(panel, reused=not built)


def ensure_scaled(panel: Panel, scaler: Scaler, cache: Path) -> Singles:
    """Return the panel's features scaled, memory-mapped read-only, shape (N, features); built once per pair.

    A symbol neither seen nor of a fitted class keeps NaN rows; warm-up rows stay NaN: a window that touched one would
    show.

    Raises:
        FeatureError: The scaler was fitted for other columns.
        OutputError: The cache cannot be written.
    """
    if scaler.spec_digest != panel.spec.digest:
        raise FeatureError(
            f"the scaler was fitted for columns {scaler.spec_digest}, the panel has {panel.spec.digest}; fit it again"
        )
    path, shape = cache / f"scaled-{panel.key[:16]}-{scaler.digest}.npy", panel.features.shape

    def build(temporary: Path) -> None:
        with ArrayFile(temporary, dtype=np.float32, row_shape=shape[1:]) as file:
            for index in range(len(panel.symbols)):
                _append_scaled(file, panel, scaler, index)

    return found_or_made(path, find=lambda: _open_scaled(path, shape=shape), make=build)[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choices:
    universe: Universe
    source: BarSource
    period: Period
    spec: FeatureSpec
    labellers: Mapping[str, Labeller]


@once
def _code_digest(package: Path) -> str:
    """Hash the source files whose formulas end up in a panel."""
    patterns = ("markets/**/*.py", "features/**/*.py", "labels/**/*.py", "samples/panel.py", "samples/storage.py")
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in package.glob(pattern)):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _recipe(choices: _Choices) -> dict[str, Any]:
    """Return everything the numbers of a panel depend on, as plain data."""
    own = _own_code(choices)
    return {  # under registered names, so that a class may move without its panels being made again
        "fingerprints": _fingerprints(choices),
        "timeframe": choices.source.timeframe.text,
        "period": dataclasses.asdict(choices.period),
        "configs": [stored_form(dataclasses.asdict(config)) for config in choices.universe],
        "labellers": [_identity(choices.labellers[symbol]) for symbol in choices.universe.symbols],
        "spec": choices.spec.to_json(),
        "code": _code_digest(_PACKAGE),
        "versions": {name: version(name) for name in _LIBRARIES},
        **({"own_code": own} if own else {}),
    }


def _own_code(choices: _Choices) -> dict[str, str]:
    """Hash the user's own packages whose formulas end up in a panel."""
    source: Any = choices.source
    modules = {type(labeller).__module__ for labeller in choices.labellers.values()}
    modules |= {module for config in choices.universe for module in modules_of(config.indicators)}
    while type(source).__module__.startswith("multisymbol."):
        source = getattr(source, "source", getattr(source, "inner", None))  # of a coarser or turned over one
    modules.add(type(source).__module__)
    return own_code({}, modules=modules)


def _key(recipe: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def _identity(labeller: Labeller) -> list[Any]:
    kind = type(labeller)
    fields: dict[str, Any] = dataclasses.asdict(labeller) if dataclasses.is_dataclass(labeller) else {}
    return [registered(f"{kind.__module__}.{kind.__qualname__}"), fields]


def _fingerprints(choices: _Choices) -> dict[str, str]:
    """Hash the bars of each symbol; where one has none, the others are read as well, for all that is wrong is told."""
    prints: dict[str, str] = {}
    problems: list[MultisymbolError] = []
    for config in choices.universe:
        try:
            prints[config.symbol] = choices.source.fingerprint(config, choices.period)
        except MultisymbolError as error:
            problems.append(error)
    for config in choices.universe if problems else ():
        try:
            if config.symbol in prints:
                choices.source.read(config, choices.period)
        except MultisymbolError as error:
            problems.append(error)
    raise_all(problems)
    return prints


def _fill(
    folder: Path, choices: _Choices, *, progress: Callable[[str, int, int], None] | None
) -> tuple[list[dict[str, Any]], list[ReturnPrints]]:
    """Write the arrays; return each symbol's facts and the fingerprints of its returns."""
    facts: list[dict[str, Any]] = []
    prints: list[ReturnPrints] = []
    problems: list[MultisymbolError] = []
    row_shapes = {"features": (len(choices.spec.columns),)}
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(
                ArrayFile(folder / f"{name}.npy", dtype=dtype, row_shape=row_shapes.get(name, ()))
            )
            for name, dtype in _COLUMNS.items()
        }
        for done, config in enumerate(choices.universe, start=1):
            try:
                bars = choices.source.read(config, choices.period)
                if not problems:
                    rows, warmup_bars = _symbol_rows(bars, config=config, choices=choices)
            except MultisymbolError as error:
                problems.append(error)
            if not problems:
                for name, file in files.items():
                    file.append(rows[name])
                facts.append(_symbol_facts(bars, rows=rows, warmup_bars=warmup_bars))
                prints.append(return_prints(bars))
            if progress is not None:
                progress(config.symbol, done, len(choices.universe))
    raise_all(problems)
    return facts, prints


def _symbol_rows(bars: Bars, *, config: SymbolConfig, choices: _Choices) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """Return one symbol's part of each file, and its warm-up: features and labels from its own bars alone."""
    clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
    features = feature_rows(bars, config=config, spec=choices.spec, clock=clock, from_start=True)
    labels = label_bars(bars, choices.labellers[config.symbol])
    rows: dict[str, npt.NDArray[Any]] = {"features": features.values, "ready": features.ready, "label": labels.value}
    rows |= {name: getattr(bars, name) for name in ("opened_at", "closed_at", "segment")}
    rows |= {name: getattr(labels, name) for name in ("resolved_at", "rule", "target")}
    assert {len(values) for values in rows.values()} == {len(bars)}
    return rows, features.warmup_bars


def _symbol_facts(bars: Bars, *, rows: Mapping[str, npt.NDArray[Any]], warmup_bars: int) -> dict[str, Any]:
    return {
        "symbol": bars.symbol,
        "bars": len(bars),
        "first_opened_at": iso(int(bars.opened_at[0])),
        "last_closed_at": iso(int(bars.closed_at[-1])),
        "segments": int(bars.segment[-1]) + 1,
        "warmup_bars": warmup_bars,
        "ready": int(rows["ready"].sum()),
        "labels": {name: int((rows["label"] == value).sum()) for value, name in enumerate(CLASSES)},
        "unresolved": int((rows["label"] < 0).sum()),
        "dropped": dict(bars.dropped),
        "kept_defects": dict(bars.kept_defects),
        "synthetic": bars.synthetic,
        "origin": bars.origin,
    }


def _write_facts(
    folder: Path, *, recipe: Mapping[str, Any], facts: Sequence[Mapping[str, Any]], prints: Sequence[ReturnPrints]
) -> None:
    """Write `panel.json`, last: a folder without it is not whole."""
    bars = [fact["bars"] for fact in facts]
    content = {
        "key": _key(recipe),
        "offsets": [0, *np.cumsum(bars).tolist()],
        "symbols": list(facts),
        "suspects": suspects(prints),
        "bytes": {name: (folder / f"{name}.npy").stat().st_size for name in _COLUMNS},
        "recipe": recipe,
    }
    with writing(folder):
        (folder / "panel.json").write_text(json.dumps(content, indent=1) + "\n")


def _open(folder: Path, *, choices: _Choices, recipe: Mapping[str, Any]) -> Panel | None:
    """Map the panel's files; None where there is no panel, or none that is whole."""
    facts = _whole(folder, key=_key(recipe)) if folder.exists() else None
    if facts is None:
        return None
    arrays: dict[str, Any] = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _COLUMNS}
    return Panel(
        folder=folder,
        key=facts["key"],
        reused=True,
        spec=choices.spec,
        symbols=choices.universe.symbols,
        asset_classes=tuple(config.asset_class for config in choices.universe),
        offsets=_fixed(facts["offsets"]),
        warmup_bars=_fixed([fact["warmup_bars"] for fact in facts["symbols"]]),
        fingerprints=recipe["fingerprints"],
        dropped=_added(fact["dropped"] for fact in facts["symbols"]),
        kept_defects=_added(fact["kept_defects"] for fact in facts["symbols"]),
        suspects=tuple(facts["suspects"]),
        synthetic=any(fact["synthetic"] for fact in facts["symbols"]),
        **arrays,
    )


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    added: Counter[str] = Counter()
    for each in counts:
        added.update(each)
    return dict(added)


def _whole(folder: Path, *, key: str) -> dict[str, Any] | None:
    """Return `panel.json` if it is there and fits key and files, else say in the log what is wrong."""
    try:
        facts: dict[str, Any] = json.loads((folder / "panel.json").read_text())
        sizes = {name: (folder / f"{name}.npy").stat().st_size for name in _COLUMNS}
        if facts["key"] == key and facts["bytes"] == sizes:
            return facts
        defect = "its files are not of the recorded key and sizes"
    except (OSError, ValueError, KeyError) as error:
        defect = repr(error)
    _log.warning("%s is not whole (%s); it is built again", folder, defect)
    return None


def _fixed(values: Sequence[int]) -> Ints:
    array = np.array(values, dtype=np.int64)
    array.setflags(write=False)
    return array


def _open_scaled(path: Path, *, shape: tuple[int, ...]) -> Singles | None:
    """Map the scaled features; None where there is no file, or none that is whole."""
    if not path.exists():
        return None
    try:
        scaled: Singles = np.load(path, mmap_mode="r")
        if scaled.shape == shape and scaled.dtype == np.float32:
            return scaled
        defect = f"shape {scaled.shape} instead of {shape}"
    except (OSError, ValueError) as error:
        defect = repr(error)
    _log.warning("%s is not whole (%s); it is built again", path, defect)
    return None


def _append_scaled(file: ArrayFile, panel: Panel, scaler: Scaler, index: int) -> None:
    symbol, asset_class = panel.symbols[index], panel.asset_classes[index]
    values = panel.features[panel.rows(index)]
    for start in range(0, len(values), _SCALED_AT_ONCE):
        chunk = np.asarray(values[start : start + _SCALED_AT_ONCE])
        try:
            scaled = scaler.transform(chunk, symbol=symbol, asset_class=asset_class)
        except FeatureError:
            scaled = np.full_like(chunk, np.nan)
        file.append(scaled)
