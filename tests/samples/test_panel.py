import dataclasses
import json
import logging
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from multisymbol.errors import BarsError, FeatureError, OutputError, SourceError
from multisymbol.features.pipeline import feature_spec
from multisymbol.features.scaling import Scaler
from multisymbol.labels.zigzag import ZigZag
from multisymbol.markets.bars import Bars
from multisymbol.markets.symbols import SymbolConfig, Universe
from multisymbol.markets.time import Period
from multisymbol.samples import panel as panel_module
from multisymbol.samples.ledger import build_ledger
from multisymbol.samples.panel import Panel, ensure_scaled
from tests.samples.memory import (
    FUZZY,
    MemorySource,
    make_bars,
    make_config,
    make_panel,
    make_scaler,
    make_source,
    make_universe,
)
from tests.samples.worlds import HOURLY, single_cut

ARRAYS = ("features", "opened_at", "closed_at", "segment", "ready", "label", "resolved_at", "rule", "target")


def names(cache: Path) -> list[str]:
    """What lies in the cache, locks aside."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def test_the_panel_holds_every_bar_symbol_after_symbol(tmp_path: Path) -> None:
    source = make_source(3)
    panel = make_panel(tmp_path, universe=make_universe(3), source=source)
    assert panel.symbols == ("M0", "M1", "M2")
    assert panel.asset_classes == ("coins", "forex", "stocks")
    assert np.diff(panel.offsets).tolist() == [len(source.bars[name]) for name in panel.symbols]
    for index, name in enumerate(panel.symbols):
        own = panel.rows(index)
        assert panel.opened_at[own].tolist() == source.bars[name].opened_at.tolist()
        assert panel.closed_at[own].tolist() == source.bars[name].closed_at.tolist()
        assert panel.segment[own].tolist() == source.bars[name].segment.tolist()
    assert np.isfinite(panel.features[panel.ready]).all()
    assert panel.features.shape == (panel.offsets[-1], len(panel.spec.columns))
    assert panel.features.dtype == np.float32


def test_arrays_are_read_only_maps_of_plain_npy_files(tmp_path: Path) -> None:
    panel = make_panel(tmp_path, universe=make_universe(2), source=make_source(2))
    for name in ARRAYS:
        array = getattr(panel, name)
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable
        np.testing.assert_array_equal(np.load(panel.folder / f"{name}.npy"), array)
    assert not panel.offsets.flags.writeable


def test_the_facts_can_be_read_by_a_person(tmp_path: Path) -> None:
    panel = make_panel(tmp_path, universe=make_universe(2), source=make_source(2))
    facts = json.loads((panel.folder / "panel.json").read_text())
    first = facts["symbols"][0]
    assert (first["symbol"], first["bars"], first["segments"]) == ("M0", 320, 1)
    assert first["first_opened_at"] == "2020-01-01T00:00Z"
    assert sum(first["labels"].values()) + first["unresolved"] == first["bars"]
    assert facts["recipe"]["fingerprints"] == dict(panel.fingerprints)
    assert facts["recipe"]["spec"]["digest"] == panel.spec.digest
    assert "numpy" in facts["recipe"]["versions"]


def test_the_second_call_opens_what_the_first_built_without_reading_a_bar(tmp_path: Path) -> None:
    source = make_source(2)
    built = make_panel(tmp_path, universe=make_universe(2), source=source)
    assert source.reads == ["M0", "M1"]
    found = make_panel(tmp_path, universe=make_universe(2), source=source)
    assert source.reads == ["M0", "M1"]
    assert (built.reused, found.reused) == (False, True)
    assert found.key == built.key
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(built, name))


def test_progress_is_told_after_each_symbol(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    make_panel(tmp_path, universe=make_universe(2), source=make_source(2), progress=lambda *fact: told.append(fact))
    assert told == [("M0", 1, 2), ("M1", 2, 2)]


def other_bars(source: MemorySource) -> MemorySource:
    return MemorySource(bars={**source.bars, "M1": make_bars("M1", bars=200, seed=77)})


def other_config(universe: Universe) -> Universe:
    first = dataclasses.replace(universe.configs[0], indicators={"rsi": {"period": 9}, "roc": {"period": 3}})
    return Universe(configs=(first, *universe.configs[1:]))


def test_each_choice_is_part_of_the_key(tmp_path: Path) -> None:
    universe, source = make_universe(2), make_source(2)
    coarser: dict[str, ZigZag] = {
        name: ZigZag(threshold="percent", percent=5.0, sigmas=1.0, volatility_bars=20) for name in universe.symbols
    }
    without_clock = feature_spec(
        indicators=make_config(0).indicators, fuzzy=FUZZY, raw=None, restart_bars=1024, clock=False
    )
    keys = [
        make_panel(tmp_path, universe=universe, source=source).key,
        make_panel(tmp_path, universe=universe, source=other_bars(source)).key,
        make_panel(tmp_path, universe=other_config(universe), source=source).key,
        make_panel(tmp_path, universe=universe, source=source, period=Period(start="2019-01-01")).key,
        make_panel(tmp_path, universe=universe, source=source, spec=without_clock).key,
        make_panel(tmp_path, universe=universe, source=source, labellers=coarser).key,
        make_panel(tmp_path, universe=Universe(configs=universe.configs[::-1]), source=source).key,
    ]
    assert len(set(keys)) == len(keys)


def test_a_changed_formula_is_another_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    universe, source = make_universe(1), make_source(1)
    before = make_panel(tmp_path, universe=universe, source=source).key
    monkeypatch.setattr(panel_module, "_code_digest", lambda package: "as if a file under features/ had changed")
    assert make_panel(tmp_path, universe=universe, source=source).key != before


def test_the_code_in_the_key_is_that_of_markets_features_and_labels(tmp_path: Path) -> None:
    digest = panel_module._code_digest.__wrapped__
    digests = [digest(tmp_path)]
    for layer in ("markets", "features/indicators", "labels", "learning"):
        (tmp_path / layer).mkdir(parents=True)
        (tmp_path / layer / "formula.py").write_text("one = 1\n")
        digests.append(digest(tmp_path))
    assert len(set(digests)) == 4  # learning does not count
    (tmp_path / "features/indicators/formula.py").write_text("one = 2\n")
    assert digest(tmp_path) not in digests


class Interrupting(MemorySource):
    """Is stopped by Ctrl-C while the second symbol is read."""

    def read(self, config: SymbolConfig, period: Period) -> Bars:
        if config.symbol == "M1":
            raise KeyboardInterrupt
        return super().read(config, period)


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make_panel(tmp_path, universe=make_universe(3), source=Interrupting(bars=make_source(3).bars))
    assert list(tmp_path.iterdir()) == []
    assert not make_panel(tmp_path, universe=make_universe(3), source=make_source(3)).reused


def test_what_a_killed_build_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    folder = make_panel(tmp_path, universe=make_universe(1), source=make_source(1)).folder
    (folder / "panel.json").unlink()
    (tmp_path / f"{folder.name}-building-killed").mkdir()
    make_panel(tmp_path, universe=make_universe(1), source=make_source(1))
    assert names(tmp_path) == [folder.name]


def test_the_defects_of_all_files_are_listed_in_one_error_and_nothing_is_left(tmp_path: Path) -> None:
    source = make_source(4)
    source.refuse = {"M1": BarsError("M1 has 2 kinds of defect"), "M3": BarsError("M3 has a NaN")}
    with pytest.raises(BarsError) as caught:
        make_panel(tmp_path, universe=make_universe(4), source=source)
    assert str(caught.value) == "M1 has 2 kinds of defect\nM3 has a NaN"
    assert source.reads == ["M0", "M1", "M2", "M3"]
    assert list(tmp_path.iterdir()) == []


def test_missing_symbols_do_not_hide_the_defects_of_others(tmp_path: Path) -> None:
    source = make_source(2)
    source.refuse = {"M1": BarsError("M1 has a NaN")}
    with pytest.raises(SourceError) as caught:
        make_panel(tmp_path, universe=make_universe(4), source=source)
    assert str(caught.value) == "there are no bars of M2\nthere are no bars of M3\nM1 has a NaN"


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("damaged", ["panel.json", "label.npy", "features.npy"])
@pytest.mark.parametrize("damage", [Path.unlink, cut_short])
def test_a_damaged_panel_is_built_again_and_said_so(
    tmp_path: Path, damaged: str, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    universe, source = make_universe(1), make_source(1)
    whole = make_panel(tmp_path, universe=universe, source=source)
    label = whole.label.copy()
    damage(whole.folder / damaged)
    with caplog.at_level(logging.WARNING):
        again = make_panel(tmp_path, universe=universe, source=source)
    assert "is not whole" in caplog.text
    assert not again.reused
    np.testing.assert_array_equal(again.label, label)
    assert make_panel(tmp_path, universe=universe, source=source).reused


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("in the way")
    with pytest.raises(OutputError, match=r"a-file/cache cannot be written .* choose another output folder"):
        make_panel(blocked / "cache", universe=make_universe(1), source=make_source(1))


def test_what_the_source_itself_cannot_open_is_not_blamed_on_the_cache(tmp_path: Path) -> None:
    source = make_source(2)
    source.refuse = {"M1": PermissionError("bars.parquet")}
    with pytest.raises(PermissionError, match=r"bars\.parquet"):
        make_panel(tmp_path, universe=make_universe(2), source=source)
    assert names(tmp_path) == []


def fit(panel: Panel) -> Scaler:
    ledger = build_ledger(panel, window=5, stride=1)
    (parts,) = single_cut(allow=True).folds(ledger, timeframe=HOURLY)
    return make_scaler(panel, ledger=ledger, parts=parts)


def test_scaled_rows_are_those_of_the_scaler_symbol_by_symbol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_module, "_SCALED_AT_ONCE", 50)
    panel = make_panel(tmp_path, universe=make_universe(3), source=make_source(3))
    scaler = fit(panel)
    scaled = ensure_scaled(panel, scaler, tmp_path)
    for index, (symbol, asset_class) in enumerate(zip(panel.symbols, panel.asset_classes, strict=True)):
        own = panel.rows(index)
        whole = scaler.transform(np.asarray(panel.features[own]), symbol=symbol, asset_class=asset_class)
        np.testing.assert_array_equal(scaled[own], whole)
    assert isinstance(scaled, np.memmap)
    assert not scaled.flags.writeable
    assert np.isnan(scaled[~panel.ready]).all()
    assert np.isfinite(scaled[panel.ready]).all()


def test_a_symbol_of_a_class_that_was_not_fitted_keeps_nan_rows(tmp_path: Path) -> None:
    panel = make_panel(tmp_path, universe=make_universe(3), source=make_source(3))
    scaler = fit(panel)
    others = dataclasses.replace(
        scaler,
        by_symbol={name: own for name, own in scaler.by_symbol.items() if name != "M1"},
        by_class={name: own for name, own in scaler.by_class.items() if name != "forex"},
    )
    scaled = ensure_scaled(panel, others, tmp_path)
    assert np.isnan(scaled[panel.rows(1)]).all()
    assert np.isfinite(scaled[panel.rows(0)][panel.ready[panel.rows(0)]]).all()


def test_scaled_features_are_built_once_per_scaler_and_again_when_damaged(tmp_path: Path) -> None:
    panel = make_panel(tmp_path, universe=make_universe(2), source=make_source(2))
    scaler = fit(panel)
    first = ensure_scaled(panel, scaler, tmp_path)
    (path,) = tmp_path.glob("scaled-*.npy")
    assert path.name == f"scaled-{panel.key[:16]}-{scaler.digest}.npy"
    written_at = path.stat().st_mtime_ns
    ensure_scaled(panel, scaler, tmp_path)
    assert path.stat().st_mtime_ns == written_at
    values = np.array(first)
    cut_short(path)
    np.testing.assert_array_equal(ensure_scaled(panel, scaler, tmp_path), values)
    ensure_scaled(panel, dataclasses.replace(scaler, clip=1.0), tmp_path)
    assert len(list(tmp_path.glob("scaled-*.npy"))) == 2


def test_a_scaler_of_other_columns_is_refused(tmp_path: Path) -> None:
    panel = make_panel(tmp_path, universe=make_universe(1), source=make_source(1))
    scaler = dataclasses.replace(fit(panel), spec_digest="0" * 16)
    with pytest.raises(FeatureError, match="fitted for columns 0000000000000000, the panel has"):
        ensure_scaled(panel, scaler, tmp_path)


def build_in_another_process(cache: Path, start: Barrier, told: "Queue[tuple[bool, list[str]]]") -> None:
    source = make_source(3)
    universe = make_universe(3)
    start.wait()
    panel = make_panel(cache, universe=universe, source=source, progress=lambda *fact: time.sleep(0.2))
    told.put((panel.reused, source.reads))


@pytest.mark.ddp
def test_of_two_processes_that_want_one_panel_one_builds_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(2), context.Queue()
    processes = [context.Process(target=build_in_another_process, args=(tmp_path, start, told)) for _ in range(2)]
    for process in processes:
        process.start()
    found = sorted(told.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(timeout=60)
    assert found == [(False, ["M0", "M1", "M2"]), (True, [])]
    assert len(names(tmp_path)) == 1
