"""Where a universe of unequal histories is cut, and that a symbol's own model is cut where the universe is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from multisymbol.cli.schema import config_problems
from multisymbol.cli.specs import data_spec
from multisymbol.config.build import plain
from multisymbol.errors import SplitError
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import DataSpec, FoldDataset, prepare
from multisymbol.samples.fold import TEST, TRAIN, VALIDATION
from tests import shaped
from tests.conftest import compose_train

Spec = Callable[..., DataSpec]
QUIET = Terminal(silent=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Daily bars of six symbols between 1998 and 2022, and a universe that names them."""
    made: Path = tmp_path_factory.mktemp("daily")
    (made / "bars").mkdir()
    shaped.write_bars(made / "bars", shaped.DAILY, timeframe="1d")
    shaped.write_universe(made / "my", shaped.DAILY)
    return made


@pytest.fixture(scope="module")
def spec(folder: Path) -> Spec:
    def made(*overrides: str) -> DataSpec:
        daily = ("source=parquet", f"++source.root={folder}/bars", "source.timeframe=1d", "labels=horizon")
        short = [f"++asset_class.{name}.indicators.moving_average.slow=50" for name in ("forex", "crypto")]
        own = (
            "symbols=mine",
            *short,
            f"++paths.outputs={folder}/outputs",
            "window=4",
            "least_class_share=0",
            *overrides,
        )
        config = compose_train(*daily, *own, folder=folder / "my")
        assert config_problems(config) == []
        return data_spec(plain(config))

    return made


@pytest.fixture(scope="module")
def whole(spec: Spec) -> FoldDataset:
    return prepare(spec(), QUIET)


def rows(dataset: FoldDataset, symbol: str, part: int) -> list[int]:
    """Return when the symbol's samples of a part were decided."""
    positions = dataset.parts.positions(part)
    own = dataset.ledger.symbol[positions] == dataset.universe.symbols.index(symbol)
    found: list[int] = dataset.ledger.decided_at[positions[own]].tolist()
    return found


def test_the_default_split_cuts_histories_of_unequal_length(whole: FoldDataset) -> None:
    roles = {count.symbol: count.role for count in whole.parts.counts}
    assert roles.pop("GAMMA") == "trains only"
    assert set(roles.values()) == {"trained"}
    total, test = len(whole.ledger), (whole.parts.part == TEST).sum()
    assert test / total == pytest.approx(0.15, abs=0.002)


def test_by_shares_of_time_the_youngest_class_would_have_no_train_rows(spec: Spec) -> None:
    roles = {count.symbol: count.role for count in prepare(spec("split.shares_of=time"), QUIET).parts.counts}
    assert roles["BTCUSDT"] == "unused"


def test_shares_of_time_are_what_they_were(spec: Spec) -> None:
    parts = prepare(spec("split.shares_of=time", "labels.bars=5"), QUIET).parts
    decided = prepare(spec("labels.bars=5"), QUIET).ledger.decided_at
    span = int(decided.max() - decided.min())
    assert parts.fold.test_from == decided.max() - round(0.15 * span)
    assert parts.fold.validation_from == parts.fold.test_from - round(0.15 * span)


@pytest.mark.parametrize("split", ["single_cut", "walk_forward"])
def test_a_symbol_s_own_model_is_cut_where_the_universe_is(spec: Spec, split: str) -> None:
    given = [f"split={split}", *(["split.count=1"] if split == "walk_forward" else [])]
    universal = prepare(spec(*given), QUIET)
    for symbol in ("ALPHA", "BTCUSDT"):
        own = prepare(spec(*given, "mode=single", f"symbol={symbol}"), QUIET)
        assert own.universe.symbols == (symbol,)
        assert own.parts.fold == universal.parts.fold
        for part in (TRAIN, VALIDATION, TEST):
            assert rows(own, symbol, part) == rows(universal, symbol, part) != []


def test_a_symbol_alone_in_its_universe_is_cut_at_its_own_rows(spec: Spec, whole: FoldDataset) -> None:
    own = prepare(spec("mode=single", "symbol=BTCUSDT", "++symbols.only=[BTCUSDT]"), QUIET)
    assert own.parts.fold.test_from > whole.parts.fold.test_from


def test_given_instants_need_no_other_symbol(spec: Spec) -> None:
    cuts = ("split.validation_from=2019-01-01", "split.test_from=2020-01-01")
    assert spec("mode=single", "symbol=ALPHA", *cuts).cut_by is None
    assert spec("mode=single", "symbol=ALPHA", cuts[0]).cut_by is not None


def test_members_whose_bars_are_refused_are_named_and_do_not_count(
    spec: Spec, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = prepare(spec("++symbols.without=[BETA]"), QUIET)
    file = folder / "bars" / "BETA.parquet"
    hidden = file.rename(file.with_suffix(".gone"))
    try:
        own = prepare(spec("mode=single", "symbol=ALPHA"), Terminal())
    finally:
        hidden.rename(file)
    assert "cuts       of the universe without BETA: their bars are refused" in capsys.readouterr().out
    assert own.parts.fold == without.parts.fold


def test_a_mistaken_own_model_leaves_no_panel_behind(spec: Spec, folder: Path) -> None:
    before = set(folder.glob("outputs/cache/*"))
    with pytest.raises(SplitError, match="test would be empty"):
        prepare(spec("mode=single", "symbol=GAMMA", "labels.bars=6"), QUIET)
    assert {path for path in folder.glob("outputs/cache/*") if path.suffix != ".lock"} <= before


def test_a_class_without_train_rows_is_neither_validated_nor_scored_and_the_rest_is_as_it_was(spec: Spec) -> None:
    early = ("split.validation_from=2013-01-01", "split.test_from=2015-01-01")
    found = prepare(spec(*early), QUIET)
    crypto = found.parts.counts[-1]
    assert (crypto.symbol, crypto.role) == ("BTCUSDT", "unused")
    assert (crypto.train, crypto.validation, crypto.test) == (0, 0, 0)
    assert crypto.purged > 1000
    others = prepare(spec(*early, "++symbols.without=[BTCUSDT]"), QUIET)
    assert found.parts.counts[:-1] == others.parts.counts
    used = found.ledger.row[found.parts.part >= TRAIN]
    assert np.isfinite(found.features[used]).all()


def test_it_is_refused_where_nothing_else_would_be_tested(spec: Spec) -> None:
    with pytest.raises(SplitError, match=r"symbols of an unseen asset class cannot be scored\n +BTCUSDT: 1,\d"):
        prepare(
            spec("++symbols.only=[GAMMA,BTCUSDT]", "split.validation_from=2012-01-01", "split.test_from=2018-07-02"),
            QUIET,
        )
