"""The trace of a sample: its numbers are those a training sees, each parameter has its file, each refusal a reason."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from multisymbol.cli.schema import config_problems
from multisymbol.cli.specs import data_spec
from multisymbol.cli.trace import SCHEMA, parameter_origin, trace
from multisymbol.config.build import build, plain
from multisymbol.config.origins import Origins
from multisymbol.errors import ConfigError, OutputError
from multisymbol.features.pipeline import feature_rows
from multisymbol.labels.labels import label_bars
from multisymbol.markets.sessions import session_clock
from multisymbol.markets.time import HOUR, NEVER, Period, instant, iso
from multisymbol.progress import Terminal
from multisymbol.reports.lineage import Lineage, lineage_refusal, trace_bar
from multisymbol.reports.lineage_page import sections, why
from multisymbol.reports.tables.table import to_markdown
from multisymbol.samples.dataset import FoldDataset, prepare
from multisymbol.samples.fold import PURGED, TEST, TRAIN, VALIDATION, Fold, FoldAssignment, Span
from multisymbol.samples.ledger import Ledger
from multisymbol.samples.windows import WindowDataset
from tests.conftest import ROOT, SMALL, Command, Compose, compose_train

OWN = "++symbols.members.SYN_A.indicators.macd.fast=8"
CHOICES = {"features": "default", "labels": "zigzag", "symbols": "demo"}


class World:
    """One small universe, prepared once."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        table = folder / "universe.csv"
        rows = ("symbol,asset_class,fuzzy.rsi.neutral,labels.zigzag.percent", "XXX,stock,,")
        table.write_text("\n".join([*rows, 'BRK.B,stock,"{triangular: [20, 50, 80]}",3']))
        chosen = ("source=synthetic", "++symbols.only=[SYN_A,SYN_D,BRK.B]")
        config = compose_train(*SMALL, OWN, *chosen, f"++symbols.file={table}", f"++paths.outputs={folder}", *overrides)
        assert config_problems(config) == []
        self.values: dict[str, Any] = {**plain(config), "fold": None, "out": None}
        self.spec = data_spec(self.values)
        self.prepared: FoldDataset = prepare(self.spec, Terminal(silent=True))
        self.origin = Origins(overrides=[OWN], choices=CHOICES, folders=[ROOT / "conf"], primary="train")

    def traced(self, symbol: str, at: int) -> Lineage:
        origin = parameter_origin(self.values, symbol, origin=self.origin)
        return trace_bar(self.spec, self.prepared, symbol=symbol, at=at, origin=origin)

    def page(self, traced: Lineage) -> str:
        tables = sections(traced, self.spec, self.prepared, folds=[self.prepared])
        return "\n".join(f"{table.title}  {table.note}\n{to_markdown(table)}" for table in tables)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("trace"))


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same universe in the hours that stocks and currencies have in common."""
    return World(tmp_path_factory.mktemp("common"), "alignment=common_hours")


@pytest.mark.parametrize("position", [0, 1, 777, 1500, -1])
@pytest.mark.parametrize("name", ["world", "common"])
def test_every_number_is_the_one_of_the_batch(name: str, position: int, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    prepared = world.prepared
    ledger = prepared.ledger
    position %= len(ledger)
    data = WindowDataset(
        features=prepared.features,
        ledger=ledger,
        symbol_slots=prepared.symbol_slots,
        class_slots=prepared.class_slots,
        symbol_weights=prepared.shares.weight,
    )
    batch = data[torch.tensor([position])]
    traced = world.traced(ledger.symbols[ledger.symbol[position]], int(ledger.decided_at[position]))
    assert traced.position == position
    assert [column.scaled for column in traced.columns] == batch.x_BTF[0, -1].tolist()
    assert tuple(column.name for column in traced.columns) == prepared.panel.spec.names
    assert (traced.label.value, traced.label.rule) == (int(batch.y_B), int(batch.rule_B))
    assert np.array_equal([traced.label.target], batch.target_B.numpy(), equal_nan=True)
    assert traced.label.resolved_at == ledger.resolved_at[position]
    assert traced.window_start == ledger.window_start[position]
    start = prepared.panel.rows(int(ledger.symbol[position])).start
    assert np.array_equal(prepared.features[start + np.array(traced.window_rows)], batch.x_BTF[0].numpy())
    assert f"loss weight | {float(batch.weight_B):.6g} =" in world.page(traced)


def test_values_follow_from_the_raw_bars_that_are_shown(world: World) -> None:
    ledger, index = world.prepared.ledger, world.prepared.universe.symbols.index("SYN_D")
    decided_at = int(ledger.decided_at[ledger.symbol == index][100])
    traced = world.traced("SYN_D", decided_at)
    bars = world.prepared.source.read(traced.config, Period(start=None, end=None))
    clock = session_clock("FX", start=int(bars.opened_at[0]), end=int(bars.closed_at[-1]))
    features = feature_rows(bars, config=traced.config, spec=world.prepared.panel.spec, clock=clock, from_start=True)
    assert [column.value for column in traced.columns] == features.values[traced.row].tolist()
    scaled = [np.clip((c.value - c.center) / c.spread, -8, 8) for c in traced.columns]
    assert np.allclose(scaled, [column.scaled for column in traced.columns], rtol=1e-6, atol=1e-7)
    labels = label_bars(bars, build(traced.config.label, role="label"))
    assert traced.label.value == labels.value[traced.row]
    assert traced.label.resolved_row is not None
    assert bars.closed_at[traced.label.resolved_row] == labels.resolved_at[traced.row]
    assert f"{bars.close[traced.label.resolved_row]:.6g}" in world.page(traced)


@pytest.mark.parametrize("later", [0, 1, HOUR - 1])
def test_the_bar_is_the_latest_known_at_the_instant(later: int, world: World) -> None:
    ledger = world.prepared.ledger
    row = int(np.flatnonzero(ledger.symbol == world.prepared.universe.symbols.index("SYN_D"))[50])
    decided_at = int(ledger.decided_at[row])
    traced = world.traced("SYN_D", decided_at + later)
    assert traced.bars.closed_at[traced.row] == decided_at
    assert ("known exactly then" in world.page(traced)) == (later == 0)


def origins(traced: Lineage, column: str) -> dict[str, tuple[Any, str]]:
    made_from = next(each for each in traced.columns if each.name == column).made_from
    return {each.name: (each.value, each.origin) for each in made_from}


def test_every_parameter_names_the_file_it_was_written_in(world: World) -> None:
    at = int(world.prepared.ledger.decided_at.max()) - 24 * HOUR
    apple, euro, berkshire = (world.traced(name, at) for name in ("SYN_A", "SYN_D", "BRK.B"))
    default = "conf/features/default.yaml"
    assert origins(apple, "macd_line") == {
        "fast": (8, "command line"),
        "slow": (26, shown(default)),
        "signal": (9, shown(default)),
    }
    assert origins(euro, "moving_average_slow")["slow"] == (120, shown("conf/asset_class/forex.yaml"))
    assert origins(euro, "atr_wild") == {"right_shoulder": ([0.0016, 0.0025], shown("conf/asset_class/forex.yaml"))}
    assert origins(euro, "rsi_neutral") == {"triangular": ([30, 50, 70], shown(default))}
    table = f"{world.values['symbols']['file']} line 3"
    assert origins(berkshire, "rsi_neutral") == {"triangular": ([20, 50, 80], table)}
    assert [each.origin for each in euro.label.made_from if each.name in {"percent", "sigmas"}] == [
        shown("conf/asset_class/forex.yaml"),
        shown("conf/labels/zigzag.yaml"),
    ]
    assert [(each.value, each.origin) for each in berkshire.label.made_from if each.name == "percent"] == [(3, table)]
    page = world.page(apple)
    assert f"fast: command line, slow and signal: {shown(default)}" in page
    assert "fast 8, slow 26, signal 9" in page


def shown(file: str) -> str:
    """Write a file of the project as messages do: relative to the working folder where it lies inside."""
    path = ROOT / file
    return file if path.is_relative_to(Path.cwd()) else str(path)


@pytest.mark.parametrize("symbol", ["SYN_A", "SYN_D"])
@pytest.mark.parametrize("name", ["world", "common"])
def test_every_bar_without_a_sample_has_the_reason_the_ledger_counts(
    name: str, symbol: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(name)
    prepared = world.prepared
    index = prepared.universe.symbols.index(symbol)
    rows, count = prepared.panel.rows(index), prepared.ledger.counts[index]
    sampled = set((prepared.ledger.row[prepared.ledger.symbol == index] - rows.start).tolist())
    others = [row for row in range(rows.stop - rows.start) if row not in sampled]
    said = [lineage_refusal(world.spec, prepared, index, row=row).partition(":")[0] for row in others]
    found = {reason: said.count(reason) for reason in REASONS}
    assert sum(found.values()) == len(others) > 0
    assert found == {
        "misaligned": count.misaligned,
        "warm-up": count.warmup,
        "filling": count.filling,
        "unresolved": count.unresolved,
        "strided": count.strided,
    }


REASONS = ("misaligned", "warm-up", "filling", "unresolved", "strided")


def test_a_bar_without_a_sample_is_shown_with_its_reason(world: World) -> None:
    rows = world.prepared.panel.rows(world.prepared.universe.symbols.index("SYN_A"))
    first, last = (int(world.prepared.panel.closed_at[rows][place]) for place in (0, -1))
    begins, ends = world.traced("SYN_A", first), world.traced("SYN_A", last)
    assert begins.position is None
    assert all(np.isnan(column.scaled) for column in begins.columns)
    assert "none: warm-up: the first" in world.page(begins)
    assert "no sample (unresolved)" in world.page(ends)
    assert "| unresolved |" in world.page(ends)
    assert ends.label.resolved_at == NEVER


def test_outside_the_bars_the_span_is_named(world: World) -> None:
    for at, side in (("1999-01-01", "before the first"), ("2033-01-01", "after the last")):
        with pytest.raises(ConfigError, match=rf"{side} bar of SYN_A; .* 2017-01-03T15:30Z to 2018-12-31T21:00Z"):
            world.traced("SYN_A", instant(at))


FOLD: dict[str, Any] = {
    "name": "cut",
    "validation_from": 100 * HOUR,
    "test_from": 200 * HOUR,
    "test_until": 300 * HOUR,
    "embargo_ns": HOUR,
}
BLOCKS = (Span(20 * HOUR, 40 * HOUR), Span(60 * HOUR, 80 * HOUR))


@pytest.mark.parametrize(
    ("decided", "resolved", "more", "part", "said"),
    [
        (10, 20, {}, TRAIN, "label known at 1970-01-01T20:00Z, before 1970-01-05T03:00Z"),
        (100, 150, {}, VALIDATION, "before 1970-01-09T07:00Z (the cut less the embargo)"),
        (200, 400, {}, TEST, "in the test span 1970-01-09T08:00Z .. 1970-01-13T12:00Z"),
        (90, 99, {}, PURGED, "not before 1970-01-05T03:00Z: it would carry prices over the cut"),
        (150, 199, {}, PURGED, "not before 1970-01-09T07:00Z: it would carry prices over the cut"),
        (300, 301, {}, PURGED, "after the test part"),
        (300, 301, {"blocks": BLOCKS}, PURGED, "over the border of a test span"),
        (210, 290, {"sealed_from": 280 * HOUR}, PURGED, "not before the seal at 1970-01-12T16:00Z"),
        (10, 20, {"train_from": 15 * HOUR}, PURGED, "before the train part begins at 1970-01-01T15:00Z"),
        (10, 20, {"left_out": ("AAA",)}, PURGED, "AAA is left out of this fold's training"),
        (210, 220, {"left_out": ("BBB",)}, PURGED, "in which only the symbols left out are tested"),
        (45, 50, {"blocks": BLOCKS}, TRAIN, "(the cut less the embargo) and clear of every test span"),
        (
            15,
            25,
            {"blocks": BLOCKS},
            PURGED,
            "over the border of a test span (1970-01-01T20:00Z .. 1970-01-02T16:00Z and",
        ),
    ],
)
def test_the_part_is_explained_by_the_condition_that_decides(
    decided: int, resolved: int, more: dict[str, Any], part: int, said: str
) -> None:
    """A second sample of BBB, tested from hour 30 to 35, is what the spans have to keep clear of."""
    decided_at, resolved_at = (np.array(hours) * HOUR for hours in ([decided, 30], [resolved, 35]))
    plain_values = dict.fromkeys(("row", "label", "rule", "target", "weight"), np.zeros(2))
    ledger = Ledger(
        symbols=("AAA", "BBB"),
        asset_classes=("stock", "stock"),
        window=1,
        symbol=np.array([0, 1], dtype=np.int32),
        window_start=decided_at - HOUR,
        decided_at=decided_at,
        resolved_at=resolved_at,
        counts=(),
        **plain_values,  # type: ignore[arg-type]
    )
    parts = FoldAssignment(fold=Fold(**FOLD, **more), part=np.array([part, TEST], dtype=np.int8), counts=())
    assert said in why(ledger, parts, 0)


SPLITS = {
    "single_cut": [],
    "walk_forward": ["split.train=200d", "split.validation=90d", "split.test=90d", "split.window=rolling"],
    "combinatorial": ["split.groups=4"],
    "leave_symbols_out": ["split.groups=asset_class"],
}


@pytest.mark.parametrize("name", SPLITS)
def test_the_reason_fits_the_part_of_every_sample(name: str, world: World) -> None:
    ledger = world.prepared.ledger
    node = plain(compose_train(f"split={name}", *SPLITS[name]))["split"]
    for parts in build(node, role="split").folds(ledger, timeframe=world.prepared.source.timeframe):
        for position in range(0, len(ledger), 7):
            said = why(ledger, parts, position)
            assert (parts.part[position] == PURGED) == any(words in said for words in PURGING)
            assert ("border of a test span" in said) <= (name == "combinatorial")


PURGING = ("would carry prices", "after the test part", "train part begins", "left out")


@pytest.fixture
def traced_page(composed: Compose, tmp_path: Path) -> Callable[..., Path]:
    """Trace with the values of the world and keys of one's own; returns the Markdown file."""
    del composed

    def call(world: World, **keys: Any) -> Path:
        given = {"symbol": "SYN_A", "at": "2018-03-01T15:30Z", "out": str(tmp_path / "new" / "trace.md")}
        trace({**world.values, **given, **keys}, origin=world.origin)
        return tmp_path / "new" / "trace.md"

    return call


def test_markdown_holds_what_the_terminal_shows(
    world: World, traced_page: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    written = traced_page(world).read_text(encoding="utf-8")
    said = capsys.readouterr().out
    assert written.startswith("# SYNTHETIC: SYN_A at 2018-03-01T15:30Z\n")
    for title in ("raw bars", "indicators", "memberships", "scaled features", "window", "label", "fold", "mixture"):
        assert f"\n## {title}" in written
        assert f"\n{title}" in said
    assert "| rsi | " in written


def test_an_instant_without_zone_is_utc(world: World, traced_page: Callable[..., Path]) -> None:
    assert traced_page(world, at="2018-03-01T15:30").read_text() == traced_page(world).read_text()
    assert iso(instant("2018-03-01T15:30")) == "2018-03-01T15:30Z"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"symbol": "SYNA"}, "symbol: there is no 'SYNA', did you mean 'SYN_A'?"),
        ({"fold": "fold 3"}, "fold: there is no 'fold 3'"),
        ({"at": "yesterday"}, "'yesterday' is not a timestamp"),
    ],
)
def test_what_a_user_gets_wrong(
    keys: dict[str, str], said: str, world: World, traced_page: Callable[..., Path]
) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        traced_page(world, **keys)


def test_a_file_that_cannot_be_written(world: World, traced_page: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    with pytest.raises(OutputError, match=r"blocked.*out=FILE"):
        traced_page(world, out=str(tmp_path / "blocked" / "trace.md"))


def test_the_command_shows_a_sample_and_leaves_no_run(called: Command, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    small = ("source.start=2018-06-01", "source.end=2019-01-01", "symbols.only=[SYN_D,SYN_E]", "labels.sigmas=6")
    files = ("labels=zigzag", "asset_class=[stock,forex,crypto]")
    done = called("scripts/trace.py", "symbol=SYN_D", "at=2018-10-01T12:00", *small, *files, f"paths.outputs={outputs}")
    assert done.returncode == 0, done.stderr
    assert "conf/asset_class/forex.yaml" in done.stdout
    assert re.search(r"sigmas +6 +command line", done.stdout)
    assert re.search(r"volatility_bars +100 +conf/labels/zigzag.yaml", done.stdout)
    assert not (outputs / "runs").exists()


def test_missing_keys_are_asked_for_with_all_others(called: Command, tmp_path: Path) -> None:
    done = called("scripts/trace.py", "windw=3", f"paths.outputs={tmp_path / 'outputs'}")
    assert done.returncode == 2
    for part in (
        "3 problems",
        "symbol ",
        "got nothing (null)",
        "at ",
        "missing",
        "windw",
        "did you mean 'window'?",
        "conf/trace.yaml",
    ):
        assert part in done.stderr
    assert SCHEMA == "multisymbol.cli.trace.TraceConfig"
