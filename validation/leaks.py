"""Worlds 7, 8, 15 and 16: mistakes are caught and named, and machinery does what it says."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from multisymbol.arrays import Floats
from multisymbol.comparison.fit import windows_of
from multisymbol.config.build import build
from multisymbol.errors import ModelNotFoundError, SplitError
from multisymbol.features.pipeline import feature_rows
from multisymbol.labels.labels import HOLD, UNRESOLVED, Labels, label_bars
from multisymbol.markets.bars import Bars
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.time import Period, instant
from multisymbol.registry.selection.candidates import Request
from multisymbol.registry.selection.policies import FixedOrder
from multisymbol.registry.selection.resolve import Resolution, resolve_model
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.samples.dataset import FoldDataset
from multisymbol.samples.fold import PURGED, TEST, TRAIN, check_disjoint
from multisymbol.samples.sampler import EpochSampler
from validation.bench import Bench, Proved
from validation.leakage_checks import LeakageFinding, Pipeline, look_ahead
from validation.planted_arms import SYMBOLS, legs, market, next_bar, prepared, scratch

# --- World 7 ---------------------------------------------------------------------------------------------------------


def wrong_splits(bench: Bench) -> Proved:
    """World 7: correlated symbols of ragged histories without signal; a nearest neighbour recognises instants."""
    seeds = bench.seeds(8)
    scores: dict[str, list[float]] = {}
    caught = refused = 0
    for done, seed in enumerate(seeds):
        bench.say("7 wrong splits", done, len(seeds))
        with scratch() as cache:
            whole = prepared(_correlated(bench, seed=seed, cache=cache))
            for name, cut in _CUTS.items():
                part = cut(whole, np.random.default_rng(seed))
                scores.setdefault(name, []).append(_neighbour(whole, part))
                caught += name != "calendar" and _is_caught(whole, part)
            refused += _swap_is_named(whole)
    mean = {name: float(np.mean(own)) for name, own in scores.items()}
    error = float(np.std(scores["calendar"], ddof=1) / np.sqrt(len(seeds))) if len(seeds) > 1 else 0.02
    wrong = len(_CUTS) - 1
    shown = ", ".join(f"{name} {value:.3f}" for name, value in mean.items())
    return Proved(
        passed=abs(mean["calendar"] - 0.5) <= 3 * max(error, 0.003)
        and caught == wrong * len(seeds)
        and refused == len(seeds)
        and min(mean["shuffled"], mean["one after another"]) > 0.55,
        measured=f"{shown} (error {error:.3f}); wrong splits caught {caught}/{wrong * len(seeds)}, features of another "
        f"symbol found out {refused}/{len(seeds)}",
        seeds=seeds,
    )


def _correlated(bench: Bench, *, seed: int, cache: Any) -> dict[str, Any]:
    lengths = {SYMBOLS[1]: 1900, SYMBOLS[2]: 1500, SYMBOLS[4]: 1700}
    return market(
        bench.values,
        seed=seed,
        cache=cache,
        symbols=SYMBOLS[:6],
        bars=2200,
        correlation=0.8,
        lengths=lengths,
        window=16,
        labels=next_bar(bars=5, dead_band_sigmas=0.2),
        features={"indicators": {"roc": {"period": 1}}, "fuzzy": {}, "raw": None, "restart_bars": 1024},
    )


Cut = Callable[[FoldDataset, np.random.Generator], npt.NDArray[np.int8]]


def _calendar(whole: FoldDataset, random: np.random.Generator) -> npt.NDArray[np.int8]:
    del random
    return whole.parts.part


def _shuffled(whole: FoldDataset, random: np.random.Generator) -> npt.NDArray[np.int8]:
    return _four_fifths(random.permutation(len(whole.ledger)), len(whole.ledger))


def _concatenated(whole: FoldDataset, random: np.random.Generator) -> npt.NDArray[np.int8]:
    del random
    return _four_fifths(np.arange(len(whole.ledger)), len(whole.ledger))


def _each_symbol(whole: FoldDataset, random: np.random.Generator) -> npt.NDArray[np.int8]:
    del random
    part = np.full(len(whole.ledger), TRAIN, dtype=np.int8)
    for index in range(len(whole.ledger.symbols)):
        own = np.flatnonzero(whole.ledger.symbol == index)
        first, last = (0.35, 0.65) if index % 2 else (0.8, 1.0)  # tests of some lie within the training time of others
        part[own[int(first * len(own)) : int(last * len(own))]] = TEST
        part[own[int(last * len(own)) :]] = PURGED
    return part


def _four_fifths(order: npt.NDArray[np.int64], rows: int) -> npt.NDArray[np.int8]:
    part = np.full(rows, TEST, dtype=np.int8)
    part[order[: rows * 4 // 5]] = TRAIN
    return part


_CUTS: Mapping[str, Cut] = {
    "calendar": _calendar,
    "shuffled": _shuffled,
    "one after another": _concatenated,
    "each symbol by itself": _each_symbol,
}


def _neighbour(whole: FoldDataset, part: npt.NDArray[np.int8]) -> float:
    """Return how often the side of the nearest train window is right, among moves."""
    moves = whole.ledger.label != HOLD
    train, test = (np.flatnonzero((part == number) & moves) for number in (TRAIN, TEST))
    test = test[:: max(len(test) // 1000, 1)]
    dataset = windows_of(whole)
    windows = [dataset[torch.from_numpy(own)].x_BTF[:, :, :1].flatten(1).numpy() for own in (train, test)]
    distance = (windows[0] ** 2).sum(axis=1) - 2 * windows[1] @ windows[0].T  # up to a term of the test row alone
    label = whole.ledger.label
    return float((label[train][distance.argmin(axis=1)] == label[test]).mean())


def _is_caught(whole: FoldDataset, part: npt.NDArray[np.int8]) -> bool:
    try:
        check_disjoint(whole.ledger, replace(whole.parts, part=part))
    except SplitError:
        return True
    return False


def _swap_is_named(whole: FoldDataset) -> bool:
    """Join the first symbol's labels with the last one's features, as KTRDR does, and look who is named."""
    rows = [whole.panel.rows(index) for index in (0, len(whole.universe.symbols) - 1)]
    clean = strangers(whole, whole.panel.features)
    joined = np.array(whole.panel.features)
    count = min(rows[0].stop - rows[0].start, rows[1].stop - rows[1].start)
    joined[rows[0].start : rows[0].start + count] = joined[rows[1].stop - count : rows[1].stop]
    return not clean and strangers(whole, joined) == [whole.ledger.symbols[0]]


def strangers(whole: FoldDataset, features: npt.NDArray[np.float32]) -> list[str]:
    """Name the symbols whose samples do not have the features that their own bars, read again, give.

    Args:
        whole: A prepared fold.
        features: Unscaled rows of the panel, to be checked. Shape (rows, features).
    """
    found = []
    for index, config in enumerate(whole.universe):
        bars = whole.source.read(config, Period())
        clock = session_clock(config.calendar, start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
        own = feature_rows(bars, config=config, spec=whole.panel.spec, clock=clock, from_start=True)
        sample = whole.ledger.row[whole.ledger.symbol == index]
        if not np.array_equal(features[sample], own.values[sample - whole.panel.rows(index).start]):
            found.append(config.symbol)
    return found


# --- World 8 ---------------------------------------------------------------------------------------------------------


def planted_leaks(bench: Bench) -> Proved:
    """World 8: five leaks are planted into the project's own pipeline, one at a time."""
    seeds = bench.seeds(1)
    wrong: list[str] = []
    for done, seed in enumerate(seeds):
        with scratch() as cache:
            values = market(
                bench.values,
                seed=seed,
                cache=cache,
                symbols=SYMBOLS[:2],
                bars=1200,
                labels=legs(sigmas=5.0),
                features={**bench.values["features"], "fuzzy": {}},
            )
            whole = prepared(values)
        for place, (name, planted) in enumerate(_CANARIES.items()):
            bench.say(f"8 {name}", done * len(_CANARIES) + place, len(seeds) * len(_CANARIES))
            found = [(each.leak, each.name, each.reach) for each in examine(values, whole, planted)]
            if found != _EXPECTED[name]:
                wrong.append(f"{name}: {found}")
    count = len(_CANARIES) - 1
    return Proved(
        passed=not wrong,
        measured="; ".join(wrong)
        or f"{count} of {count} planted leaks named, with how far they look ahead; none in the project's own pipeline",
        seeds=seeds,
    )


Planted = Callable[[Pipeline], Pipeline]


def examine(values: Mapping[str, Any], whole: FoldDataset, planted: Planted) -> list[LeakageFinding]:
    """Replay the pipeline of the first symbol, a leak planted in it, on its bars.

    Args:
        values: Configuration of the market.
        whole: Its fold; the scaler is looked at as it was fitted there.
        planted: Puts a leak into a pipeline.
    """
    (config, *_) = whole.universe
    bars = whole.source.read(config, Period())
    labeller = build(config.label, role="label")

    def features(some: Bars) -> npt.NDArray[np.float32]:
        clock = session_clock(config.calendar, start=int(some.opened_at[0]), end=int(some.closed_at[-1]))
        rows = feature_rows(some, config=config, spec=whole.panel.spec, clock=clock, from_start=True)
        return whole.scaler.transform(rows.values, symbol=config.symbol, asset_class=config.asset_class)

    def labels(some: Bars) -> Labels:
        return label_bars(some, labeller)

    def samples(some: Bars) -> npt.NDArray[np.bool_]:
        ready: npt.NDArray[np.bool_] = ~np.isnan(features(some)[:, 0])  # a row that is not ready is NaN everywhere
        known: npt.NDArray[np.bool_] = labels(some).value != UNRESOLVED
        return ready & known

    clean = Pipeline(columns=whole.panel.spec.names, features=features, labels=labels, samples=samples)
    return look_ahead(planted(clean), bars, cuts=np.linspace(len(bars) // 3, len(bars) - 100, 12, dtype=int).tolist())


def _with_column(pipeline: Pipeline, name: str, column: Callable[[Bars], Floats]) -> Pipeline:
    return replace(
        pipeline,
        columns=[*pipeline.columns, name],
        features=lambda bars: np.column_stack([pipeline.features(bars), column(bars)]),
    )


def _next_bar(pipeline: Pipeline) -> Pipeline:
    return _with_column(pipeline, "next return", lambda bars: np.append(np.diff(np.log(bars.close)), np.nan))


def _centred(pipeline: Pipeline) -> Pipeline:
    def smoothed(bars: Bars) -> Floats:
        inside = np.convolve(np.log(bars.close), np.full(11, 1 / 11), "valid")
        padded: Floats = np.r_[np.full(5, np.nan), inside, np.full(5, np.nan)]
        return padded

    return _with_column(pipeline, "centred mean", smoothed)


def _full_sample(pipeline: Pipeline) -> Pipeline:
    def scaled(bars: Bars) -> Floats:
        moves = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
        result: Floats = (moves - moves.mean()) / moves.std()
        return result

    return _with_column(pipeline, "scaled return", scaled)


def _filled(pipeline: Pipeline) -> Pipeline:
    def labels(bars: Bars) -> Labels:
        made = pipeline.labels(bars)
        unknown = made.value == UNRESOLVED
        ended = np.where(unknown, bars.closed_at[-1], made.resolved_at)
        return replace(made, value=np.where(unknown, HOLD, made.value).astype(np.int8), resolved_at=ended)

    return replace(pipeline, labels=labels, samples=lambda bars: np.isfinite(pipeline.features(bars)).all(axis=1))


def _filtered(pipeline: Pipeline) -> Pipeline:
    return replace(pipeline, samples=lambda bars: pipeline.samples(bars) & (pipeline.labels(bars).value != HOLD))


_CANARIES: Mapping[str, Planted] = {
    "nothing planted": lambda pipeline: pipeline,
    "feature of bar t+1": _next_bar,
    "centred smoothing": _centred,
    "full-sample scaler": _full_sample,
    "HOLD at the data's end": _filled,
    "rows filtered by the future": _filtered,
}
_EXPECTED: Mapping[str, list[tuple[str, str, float]]] = {
    "nothing planted": [],
    "feature of bar t+1": [("feature", "next return", 1.0)],
    "centred smoothing": [("feature", "centred mean", 5.0)],
    "full-sample scaler": [("feature", "scaled return", float("inf"))],
    "HOLD at the data's end": [("label", "HOLD at the end", 0.0)],
    "rows filtered by the future": [("sample", "filtered samples", 0.0)],
}


# --- World 15 --------------------------------------------------------------------------------------------------------

PROCESS_TESTS = ("tests/learning/test_processes.py", "tests/learning/test_killing.py")
"""One, two and four processes against one; a training killed and gone on with."""
_ASKED = "global_steps or loss_paths or bit_for_bit or killed_training"


def processes(bench: Bench) -> Proved:
    """World 15: what every step is given is asked of the sampler here; whole trainings are the tests'."""
    seeds = bench.seeds(1)
    bench.say("15 processes", 0, 2)
    with scratch() as cache:
        whole = prepared(market(bench.values, seed=bench.seed, cache=cache, symbols=SYMBOLS[:4], bars=1200))
    same = all(_same_steps(whole, ranks=ranks, seed=bench.seed) for ranks in (2, 4))
    bench.say("15 processes", 1, 2)
    root = Path(__file__).resolve().parents[1]
    present = [name for name in PROCESS_TESTS if (root / name).is_file()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "-k", _ASKED, *present],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    return Proved(
        passed=same and len(present) == len(PROCESS_TESTS) and done.returncode == 0,
        measured=f"samples of each step for 1, 2 and 4 processes {'the same' if same else 'DIFFER'}; "
        f"{' '.join(present) or 'no tests here'}: {lines[-1].strip('= ') if lines else 'said nothing'}",
        seeds=seeds,
    )


def _same_steps(whole: FoldDataset, *, ranks: int, seed: int, batch: int = 256) -> bool:
    """Whether all processes together are given, step by step, what one alone is."""
    positions = whole.parts.positions_by_symbol(TRAIN, ledger=whole.ledger)

    def steps(rank: int, of: int) -> list[npt.NDArray[np.int64]]:
        sampler = EpochSampler(
            positions=positions, shares=whole.shares, seed=seed, batch_size=batch, rank=rank, ranks=of
        )
        sampler.set_epoch(1)
        return [step.numpy() for step in sampler]

    alone = steps(0, 1)
    together = [np.concatenate(parts) for parts in zip(*(steps(rank, ranks) for rank in range(ranks)), strict=True)]
    return len(alone) == len(together) and all(
        np.array_equal(np.sort(one), np.sort(other)) for one, other in zip(alone, together, strict=True)
    )


# --- World 16 --------------------------------------------------------------------------------------------------------


def registry_drill(bench: Bench) -> Proved:
    """World 16."""
    wrong, policy = [], FixedOrder(first="universal", limit=1.5)
    for place, (name, (request, versions, expected)) in enumerate(_drill().items()):
        bench.say(f"16 {name}", place, 6)
        found = resolve_model(request, versions=versions, policy=policy, profiles=lambda version: {})
        said = " | ".join(f"{step.place} {step.outcome}: {step.reason}" for step in found.chain)
        if not _as_expected(found, said, expected):
            wrong.append(f"{name}: {said}")
    count = len(_drill())
    return Proved(
        passed=not wrong,
        measured="; ".join(wrong) or f"{count} of {count} situations: right fallback or none, each with its reasons",
        seeds=range(0),
    )


Expected = tuple[str | None, str]
"""Place of the model that answers, None for none; and words of the reasons."""


def _drill() -> Mapping[str, tuple[Request, list[StoredVersion], Expected]]:
    universal, own = _stored("universal", ["SPY", "MSFT"]), _stored("single", ["MSFT"])
    other = _stored("universal", ["SPY", "MSFT"], feature_digest="beef")
    late = _stored("universal", ["SPY", "MSFT"], train_until="2021-01-01T00:00Z")
    retired = _stored("universal", ["SPY", "MSFT"], retired="2019-12-24T00:00Z")
    return {
        "universal and own": (_asked("MSFT"), [universal, own], ("universal", "not needed")),
        "universal missing": (_asked("MSFT"), [own], ("own", "none registered")),
        "wrong columns": (_asked("MSFT"), [other, own], ("own", "columns beef, asked for f00d")),
        "unseen class": (_asked("BTCUSDT", "crypto"), [universal, own], (None, "trained on stock, never on crypto")),
        "trained past the instant": (_asked("MSFT"), [late], (None, "past as_of")),
        "retired": (_asked("MSFT"), [retired], (None, "retired 2019-12-24")),
    }


def _as_expected(found: Resolution, said: str, expected: Expected) -> bool:
    role, words = expected
    if role is None:
        try:
            found.require()
        except ModelNotFoundError as error:
            return words in said and "train one: " in str(error)
        return False
    return found.role == role and words in said


def _stored(scope: str, symbols: list[str], **tags: str) -> StoredVersion:
    name = "neuro.1h.universal" if scope == "universal" else f"neuro.1h.sym.{symbols[0]}"
    facts = {
        "strategy": "neuro",
        "timeframe": "1h",
        "feature_digest": "f00d",
        "label": "zigzag",
        "train_until": "2019-06-01T00:00Z",
        "scope": scope,
        "symbols": json.dumps(symbols),
        "asset_classes": json.dumps(["stock"]),
    }
    return StoredVersion(name=name, version=1, tags=facts | tags, aliases=(), source="", run_id="")


def _asked(symbol: str, asset_class: str = "stock") -> Request:
    return Request(
        symbol=symbol,
        asset_class=asset_class,
        timeframe="1h",
        strategy="neuro",
        feature_digest="f00d",
        label="zigzag",
        as_of=instant("2020-01-01"),
        allow_seen=False,
        profile=None,
    )
