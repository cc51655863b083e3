"""A stored model that answers for raw bars, by the code of training: examined, segmented, computed, scaled, windowed.

Rows (symbol, timestamp, open, high, low, close, volume) go in, one answer per symbol for its newest bar comes out.
MLflow comes in by `load_served` (`multisymbol.serving`, named by the MLmodel file); a plain bundle is read by
`Model.read`.
"""

import importlib.metadata
import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import yaml
from torch import nn

from multisymbol.config.names import short_name
from multisymbol.config.own_code import changed_code
from multisymbol.errors import (
    BarsError,
    BundleError,
    ConfigError,
    MultisymbolError,
    SampleError,
    SymbolError,
    nearest,
    raise_all,
)
from multisymbol.labels.labels import CLASSES
from multisymbol.markets.bars import Bars
from multisymbol.markets.io.defects import PRICES
from multisymbol.markets.provenance import SYNTHETIC
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.symbols import SymbolConfig, resolve_symbols, universe
from multisymbol.markets.time import instant, iso
from multisymbol.registry.bundle.flavor import ANSWER, AS_OF, EXAMPLE, PARAMS, flavor_refusal, read_frame
from multisymbol.registry.bundle.format import Bundle, read_bundle
from multisymbol.registry.store.store import BUNDLE_FOLDER
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.windows import WindowDataset
from multisymbol.serving.inference import predict_probabilities, predict_returns
from multisymbol.serving.live import Recipe, Windows, age_bars, live_ledger, live_windows, recipe_of
from multisymbol.serving.rebuild import outputs_of, rebuild

_log = logging.getLogger(__name__)

NEEDED = ("symbol", "timestamp", *PRICES)
"""Columns of raw bars; `volume` where a symbol's class requires it, `asset_class` for symbols not trained on."""
REGISTERED = "registered_model_meta"
"""File in which MLflow says, when it loads `models:/NAME/VERSION`, which that is."""

_GATHERED = 4096
"""Windows gathered at once."""
_TOLERANCE = 1e-4
"""How far an answer may be from the stored one, in probability or units of the target: other processors and releases
round last bits otherwise, other formulas differ by more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """Raw bars and what a model says of them, for `write_flavour`.

    Args:
        rows: As `Model.predict` takes them.
        answer: Of `predict(rows, from_start=True)`.
    """

    rows: pd.DataFrame
    answer: pd.DataFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A stored model that can be asked.

    Args:
        name: Registered name; None where it is not known (loaded from a plain folder, or not registered yet).
        version: Its number; None likewise.
        bundle: The facts.
        network: With its weights, in evaluation mode, on the CPU.
        recipe: How bars become windows.
        folder: The bundle's, None where it was never written.
    """

    name: str | None
    version: int | None
    bundle: Bundle
    network: nn.Module
    recipe: Recipe
    folder: Path | None

    @classmethod
    def read(cls, folder: Path, *, name: str | None, version: int | None) -> "Model":
        """Read a bundle's folder.

        Raises:
            BundleError: It is incomplete, changed, not trusted or does not fit its weights.
        """
        return cls._made(read_bundle(folder), name=name, version=version, folder=folder)

    @classmethod
    def of(cls, bundle: Bundle, *, name: str | None, version: int | None) -> "Model":
        """Take a bundle that is in memory.

        Raises:
            BundleError: Its facts do not fit one another.
        """
        return cls._made(bundle, name=name, version=version, folder=None)

    @classmethod
    def _made(cls, bundle: Bundle, *, name: str | None, version: int | None, folder: Path | None) -> "Model":
        _check_facts(bundle)
        for package in changed_code(bundle.metadata.get("own_code")):
            _log.warning("the code of %s has changed since the model was trained", package)
        network, recipe = rebuild(bundle), recipe_of(bundle)
        return cls(name=name, version=version, bundle=bundle, network=network, recipe=recipe, folder=folder)

    @property
    def trained(self) -> tuple[str, ...]:
        """Symbols it was trained on."""
        return tuple(self.bundle.symbol_configs)

    def config_of(self, symbol: str, *, asset_class: str | None = None) -> SymbolConfig:
        """Return a symbol's configuration: that of training, or for any other symbol its class's.

        Raises:
            SymbolError: A symbol that is not of the training's universe, without or with an unknown class.
        """
        known = {**self.bundle.config.get("symbol_configs", {}), **self.bundle.symbol_configs}
        entry = known.get(symbol)
        if entry is None:
            entry = self._as_class(symbol, asset_class)
        elif asset_class not in (None, entry["asset_class"]):
            raise SymbolError(f"{symbol} is of class {entry['asset_class']} in this model, the rows say {asset_class}")
        try:
            return universe({symbol: entry}).configs[0]
        except TypeError as error:
            raise BundleError(f"{symbol}: its configuration is of another version of multisymbol: {error}") from error

    def history_bars(self, config: SymbolConfig) -> int:
        """Return how many rows one answer for a symbol needs at most; fewer are enough soon after a restart."""
        return self.recipe.history_rows(config)

    def predict(
        self, frame: pd.DataFrame, *, all_rows: bool = False, from_start: bool = False, as_of: str | None = None
    ) -> pd.DataFrame:
        """Answer for raw bars.

        A row of features, a probability and a decision are the panel's to the bit, wherever the history begins.

        Args:
            frame: Rows of one or several symbols, each symbol's in order of time, columns `NEEDED`. A timestamp has its
                time zone, or is ISO text with it, and is that of the bar's open or close as in training
                (`metadata["stamped"]`). A last bar that is not over is not looked at.
            all_rows: Answer for every bar that has a whole window, not for the newest alone.
            from_start: The rows begin where each symbol's history does, as those of training did: bars before the
                first restart of the indicators have an answer, too.
            as_of: Instant of the question, such as 2018-06-01T14:30Z: later bars are not looked at, and ages are
                measured at it; None: now.

        Returns:
            One row per symbol, in the order of their first rows: symbol, decided_at (the bar's close), buy, hold, sell
            (corrected for class weights, temperature applied; they sum to 1), decision (the likeliest; of equal ones
            the first), model, version, known (whether it was trained on this symbol), age_bars (bars of the symbol's
            open market that ended between decided_at and `as_of`: a dead feed's are many). A model of returns has
            `forecast` in units of its target instead of the probabilities and the decision.

        Raises:
            MultisymbolError: Columns are missing, rows have defects, bars are too few, or a symbol is of an unknown
                class; what is wrong with any symbol is said at once. The class is that of the first.
        """
        parts: list[Windows] = []
        ages: list[npt.NDArray[np.int64]] = []
        problems: list[MultisymbolError] = []
        until = None if as_of is None else instant(as_of)
        now = time.time_ns() if until is None else until
        for symbol, rows in _by_symbol(frame):
            try:
                self._check_own_symbol(symbol)
                config = self.config_of(symbol, asset_class=_class_in(symbol, rows))
                part = live_windows(
                    rows, config=config, recipe=self.recipe, all_rows=all_rows, from_start=from_start, until=until
                )
                self._check_own_time(symbol, int(part.decided_at[-1]))
                parts.append(part)
                ages.append(age_bars(part.decided_at, config=config, timeframe=self.recipe.timeframe, now=now))
            except MultisymbolError as error:
                problems.append(error)
        raise_all(problems)
        return self.answer(parts).assign(age_bars=np.concatenate(ages))

    def answer(self, parts: Sequence[Windows]) -> pd.DataFrame:
        """Answer for windows made before: of raw rows (`live_windows`) or of a source's bars (`bar_windows`).

        Args:
            parts: One symbol's each, by this model's own recipe; at least one.

        Returns:
            As `predict_probabilities`, one row per window.
        """
        features, ledger = live_ledger(parts, window=self.recipe.window)
        return self._answers(self.dataset(features, ledger), ledger)

    def check(self) -> bool:
        """Answer the stored example again: the code at hand must say what the code of training said.

        Returns:
            Whether there was an example to check with: a bundle alone has none.

        Raises:
            BundleError: It says something else; names the versions then and now.
        """
        if self.folder is None or not (self.folder.parent / ANSWER).is_file():
            return False
        try:
            stored = read_frame(self.folder.parent / ANSWER)
            answer = self.predict(read_frame(self.folder.parent / EXAMPLE), from_start=True)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"the example beside {self.folder} cannot be read: {error}") from error
        except MultisymbolError as error:
            raise BundleError(f"the stored example has no answer any more: {error}\n{self._versions()}") from error
        if difference := _difference(stored, answer):
            raise BundleError(f"the stored example is answered otherwise now: {difference}\n{self._versions()}")
        return True

    def example(self, bars: Sequence[Bars]) -> Example:
        """Make the example of a stored model of the newest rows of some symbols.

        Args:
            bars: Of symbols of the training, as its source has them (before `resample`).

        Raises:
            MultisymbolError: There are too few bars for an answer.
        """
        rows = pd.concat([self._raw(each) for each in bars], ignore_index=True)
        return Example(rows=rows, answer=self.predict(rows, from_start=True))

    def _raw(self, bars: Bars) -> pd.DataFrame:
        """Write bars as the rows they were."""
        config = self.config_of(bars.symbol)
        newest = slice(-min(self.history_bars(config), len(bars)), None)
        reading, stamped = self.recipe.reading, bars.opened_at[newest]
        if reading.stamped == "close":
            clock = session_clock(config.calendar, start=int(stamped[0]), end=int(stamped[-1]))
            stamped = clock.ends(stamped, bars.timeframe, timezone=reading.timezone)
        stamps = pd.to_datetime(stamped, unit="ns", utc=True)
        return pd.DataFrame(
            {
                "symbol": bars.symbol,
                "timestamp": [stamp.isoformat() for stamp in stamps],
                **{name: getattr(bars, name)[newest] for name in (*PRICES, "volume")},
                "asset_class": config.asset_class,
            }
        )

    def _check_own_symbol(self, symbol: str) -> None:
        """Let a model of generated bars answer for symbols of its own market alone.

        Raises:
            SymbolError: It was trained on synthetic bars of others.
        """
        if self.bundle.provenance == "synthetic" and symbol not in self.bundle.symbols["symbols"]:
            whose = ", ".join(self.trained)
            raise SymbolError(
                f"the model was trained on {SYNTHETIC} bars of {whose}; it answers for no other: not {symbol}"
            )

    def _check_own_time(self, symbol: str, decided_at: int) -> None:
        """Let it answer for no bar after the end of its market: such a bar is none of it.

        Raises:
            SymbolError: The bar closed later.
        """
        end = self.bundle.config.get("source", {}).get("end")
        if self.bundle.provenance == "synthetic" and end is not None and decided_at > instant(end):
            raise SymbolError(
                f"the model was trained on a {SYNTHETIC} market that ends at {iso(instant(end))}; the bars of {symbol} "
                f"go on to {iso(decided_at)} and are none of it"
            )

    def _as_class(self, symbol: str, asset_class: str | None) -> Mapping[str, Any]:
        """Resolve a symbol that the training did not know: nothing is its own."""
        trained = ", ".join(self.bundle.metadata["asset_classes"])
        if asset_class is None:
            hint = nearest(symbol, self.trained)
            message = f"the model was not trained on {symbol}{hint}; say its class in the column 'asset_class'"
            raise SymbolError(f"{message} (trained: {trained})")
        config = self.bundle.config
        try:
            return resolve_symbols(
                symbols={symbol: {"asset_class": asset_class}},
                asset_classes=config["asset_class"],
                features=config["features"],
                labels=config["labels"],
                label_name=short_name(config["labels"]),
            )[symbol]
        except KeyError as error:
            raise BundleError(f"config.json has no {error}: the model answers for {', '.join(self.trained)}") from error

    def dataset(self, features: npt.NDArray[np.float32], ledger: Ledger) -> WindowDataset:
        """Lay windows out for the network, each symbol in its slot; those it was not trained on in slot 0."""
        known, classes = self.bundle.symbols["symbols"], self.bundle.metadata["asset_classes"]
        slots = [known[symbol]["slot"] if symbol in known else 0 for symbol in ledger.symbols]
        return WindowDataset(
            features=features,
            ledger=ledger,
            symbol_slots=np.array(slots, dtype=np.int64),
            class_slots=np.array([classes.get(name, 0) for name in ledger.asset_classes], dtype=np.int64),
        )

    def _answers(self, dataset: WindowDataset, ledger: Ledger) -> pd.DataFrame:
        symbols = [ledger.symbols[index] for index in ledger.symbol]
        return pd.DataFrame(
            {
                "symbol": symbols,
                "decided_at": pd.to_datetime(ledger.decided_at, unit="ns", utc=True),
                **self._forecasts(dataset),
                "model": pd.Series([self.name] * len(symbols), dtype=object),
                "version": pd.Series([self.version] * len(symbols), dtype=object if self.version is None else int),
                "known": np.isin(symbols, self.trained),
            }
        )

    def _forecasts(self, dataset: WindowDataset) -> dict[str, Any]:
        said = self.forecasts(dataset)
        if self.of_returns:
            return {"forecast": said}
        columns = {name.lower(): said[:, place] for place, name in enumerate(CLASSES)}
        return {**columns, "decision": np.array(CLASSES)[said.argmax(axis=1)]}

    @property
    def of_returns(self) -> bool:
        """Whether it forecasts returns, not classes."""
        return outputs_of(self.bundle) == 1

    def forecasts(self, dataset: WindowDataset) -> npt.NDArray[np.float64]:
        """Say what the network says of each window.

        Returns:
            Probabilities of BUY, HOLD, SELL, shape (n, 3), or returns in units of the target, shape (n,).
        """
        positions = np.arange(len(dataset))
        if self.of_returns:
            returns = predict_returns(
                self.network, dataset=dataset, positions=positions, batch_size=_GATHERED, device="cpu"
            )
            return returns.forecast
        facts = self.bundle.metadata
        return predict_probabilities(
            self.network,
            dataset=dataset,
            positions=positions,
            batch_size=_GATHERED,
            log_weights=torch.tensor(facts["log_class_weights"]),
            device="cpu",
            temperature=facts["temperature"],
        ).prob

    def _versions(self) -> str:
        """Say which libraries are other ones now, or that only our own code can be."""
        stored = self.bundle.metadata.get("libraries", {})
        now = {name: _installed(name) for name in stored}
        changed = [f"{name} {then} then, {now[name]} now" for name, then in stored.items() if then != now[name]]
        changed += [f"your own code in {name}" for name in changed_code(self.bundle.metadata.get("own_code"))]
        commit = self.bundle.metadata.get("git_commit", "unknown")
        cause = ", ".join(changed) if changed else f"multisymbol's own (commit {commit} then)"
        cure = "use the versions of requirements.txt beside the bundle, or train the model again"
        return f"The code that computes features or probabilities has changed since: {cause}; {cure}"


class Served:
    """What MLflow asks.

    Args:
        model: Answers.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Answer as `Model.predict` does.

        Raises:
            MlflowException: What is wrong with the rows, for MLflow to answer with (over HTTP: status 400).
        """
        given = params or {}
        try:
            flags = {key: bool(given.get(key, False)) for key in PARAMS}
            return self.model.predict(model_input, **flags, as_of=given.get(AS_OF) or None)
        except MultisymbolError as error:
            raise flavor_refusal(error) from error


def load_served(path: str, model_config: Mapping[str, Any] | None = None) -> Served:
    """Load a stored model for MLflow, and let it answer its example.

    Args:
        path: The folder with `MLmodel` and `bundle/`.
        model_config: None: this model has no choices left.

    Raises:
        ConfigError: There is a `model_config`.
        BundleError: The model cannot be used, or does not answer as it did.
    """
    if model_config:
        raise ConfigError(f"a stored model takes no model_config, got {', '.join(model_config)}; nothing was loaded")
    folder = Path(path)
    name, version = _registered_as(folder)
    model = Model.read(folder / BUNDLE_FOLDER, name=name, version=version)
    model.check()
    return Served(model)


def requirements_of(bundle: Bundle) -> list[str]:
    """Pin the libraries that a model was made with; without the local part of a version, which no index knows."""
    libraries = bundle.metadata.get("libraries", {})
    return [f"{name}=={version.partition('+')[0]}" for name, version in libraries.items()]


def _registered_as(folder: Path) -> tuple[str | None, int | None]:
    """Read what MLflow noted when it loaded a registered version; neither is known of a plain folder."""
    try:
        noted = yaml.safe_load((folder / REGISTERED).read_text(encoding="utf-8"))
        return str(noted["model_name"]), int(noted["model_version"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        return None, None


def _by_symbol(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each symbol's rows, in the order of their first ones."""
    names = [str(name) for name in frame.columns]
    missing = [f"column '{name}' is missing{nearest(name, names)}" for name in NEEDED if name not in names]
    if missing:
        there = f"They have the columns {', '.join(names)}."
        raise BarsError("\n  ".join(["the rows are no raw bars", *missing, there]))
    if len(frame) == 0:
        raise SampleError("there are no rows, so there is nothing to answer")
    nameless = np.flatnonzero(frame["symbol"].isna())
    if len(nameless):
        raise BarsError(f"{len(nameless):,} rows name no symbol, first row {nameless[0]:,}")
    for symbol, rows in frame.groupby("symbol", sort=False):
        yield str(symbol), rows


def _class_in(symbol: str, rows: pd.DataFrame) -> str | None:
    if "asset_class" not in rows.columns:
        return None
    said = [str(name) for name in rows["asset_class"].dropna().unique()]
    if len(said) > 1:
        raise SymbolError(f"{symbol}: its rows name several asset classes, {', '.join(said)}; a symbol has one")
    return said[0] if said else None


def _check_facts(bundle: Bundle) -> None:
    """Refuse facts that an answer would be wrong by, all at once."""
    facts = bundle.metadata
    problems = [] if outputs_of(bundle) == 1 else _direction_problems(facts)
    classes, shape = facts.get("asset_classes"), facts.get("shape", {})
    if not isinstance(classes, Mapping):
        problems.append(f"asset_classes must map classes to slots, got {classes!r}")
    else:
        problems += _slot_problems(classes, most=shape.get("asset_classes"), what="class")
    slots = {symbol: entry.get("slot") for symbol, entry in bundle.symbols["symbols"].items()}
    problems += _slot_problems(slots, most=shape.get("symbols"), what="symbol")
    if problems:
        raise BundleError("\n  ".join(["the facts of the stored model cannot be used", *problems]))


def _direction_problems(facts: Mapping[str, Any]) -> list[str]:
    weights, temperature = facts.get("log_class_weights"), facts.get("temperature")
    problems: list[str] = []
    if list(facts["classes"]) != list(CLASSES):
        problems.append(f"classes must be {', '.join(CLASSES)}, got {facts['classes']!r}")
    if not isinstance(weights, list) or len(weights) != len(CLASSES) or not all(_is_number(each) for each in weights):
        problems.append(f"log_class_weights must be {len(CLASSES)} numbers, got {weights!r}")
    if not _is_number(temperature) or temperature <= 0:
        problems.append(f"temperature must be a number above 0, got {temperature!r}")
    return problems


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _slot_problems(slots: Mapping[str, Any], *, most: Any, what: str) -> list[str]:
    if type(most) is not int:
        return []
    return [
        f"{what} {name} has slot {slot!r}, the network has slots 0 to {most}"
        for name, slot in slots.items()
        if not (type(slot) is int and 0 <= slot <= most)
    ]


def _difference(stored: pd.DataFrame, answer: pd.DataFrame) -> str | None:
    """Say the first difference between two answers; model and version, unknown when the first was made, aside."""
    numbers = [name for name in ("buy", "hold", "sell", "forecast") if name in answer.columns]
    now = pd.DataFrame(
        {"symbol": answer["symbol"], "decided_at": [stamp.isoformat() for stamp in answer["decided_at"]]}
    )
    if not stored[["symbol", "decided_at"]].equals(now):
        return "other rows are answered"
    apart = np.abs(stored[numbers].to_numpy(dtype=np.float64) - answer[numbers].to_numpy(dtype=np.float64))
    if np.all(apart <= _TOLERANCE):
        return None
    row, column = np.unravel_index(np.argmax(np.nan_to_num(apart, nan=np.inf)), apart.shape)
    name = numbers[int(column)]
    return f"{name} of {answer['symbol'][int(row)]} was {stored[name][int(row)]}, is {answer[name][int(row)]}"


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
