"""What a user gets wrong: each with an error that says what to do, and nothing written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multisymbol.cli.schema import config_problems
from multisymbol.cli.specs import data_spec
from multisymbol.config.build import plain
from multisymbol.errors import BarsError, LabelError, MultisymbolError, OutputError, SourceError, SplitError
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import prepare
from tests.conftest import Compose

Prepare = Callable[..., Any]
Frame = pd.DataFrame


def bars(rows: int = 1500, *, start: str = "2018-01-01", seed: int = 0) -> Frame:
    """Return hourly bars of a market that never closes."""
    generator = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.01, rows)))
    opened = np.concatenate([[100.0], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(start, periods=rows, freq="1h", tz="UTC"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": generator.uniform(1, 2, rows),
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with good bars of three coins."""
    made = tmp_path / "bars"
    made.mkdir()
    for place, name in enumerate(("AAA", "BBB", "CCC")):
        bars(seed=place).to_parquet(made / f"{name}.parquet")
    return made


@pytest.fixture(scope="session")
def coins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a user's configuration folder with a universe of the three coins, which no test changes."""
    folder = tmp_path_factory.mktemp("coins")
    (folder / "symbols").mkdir()
    page = "members:\n" + "".join(f"  {name}: {{asset_class: crypto}}\n" for name in ("AAA", "BBB", "CCC"))
    (folder / "symbols" / "coins.yaml").write_text(page)
    return folder


@pytest.fixture
def prepared(composed: Compose, tmp_path: Path, folder: Path, coins: Path) -> Prepare:
    """Prepare a universe of the three coins; on an error, check that nothing was written."""

    def call(*overrides: str) -> Any:
        outputs = tmp_path / "outputs"
        mine = ("symbols=coins", "source=parquet", f"++source.root={folder}", f"++paths.outputs={outputs}")
        config = composed(
            *mine,
            "labels.sigmas=4",
            "++asset_class.crypto.indicators.moving_average.slow=50",
            *overrides,
            folder=coins,
        )
        assert config_problems(config) == []
        try:
            return prepare(data_spec(plain(config)), Terminal(silent=True))
        except MultisymbolError:
            assert not [path for path in outputs.rglob("*") if path.is_file()]
            raise

    return call


def test_good_bars_are_prepared(prepared: Prepare) -> None:
    assert len(prepared().ledger) > 3000


def test_empty_folder(prepared: Prepare, folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(SourceError, match=r"holds no file like .*; it is empty"):
        prepared()


def test_missing_symbol_names_what_is_there(prepared: Prepare, folder: Path) -> None:
    (folder / "BBB.parquet").rename(folder / "BBBB.parquet")
    with pytest.raises(SourceError, match=r"BBB.*BBBB"):
        prepared()


def change(folder: Path, edit: Callable[[Frame], Frame]) -> None:
    edit(bars()).to_parquet(folder / "AAA.parquet")


def with_duplicate(frame: Frame) -> Frame:
    return pd.concat([frame.iloc[:701], frame.iloc[700:]])


def with_naive(frame: Frame) -> Frame:
    return frame.assign(timestamp=frame["timestamp"].dt.tz_localize(None))


def with_text(frame: Frame) -> Frame:
    return frame.assign(close=[*frame["close"].astype(str)[:-1], "n/a"])


EDITS: dict[str, tuple[Callable[[Frame], Frame], str]] = {
    "wrong column": (lambda frame: frame.rename(columns={"close": "Clse"}), "close"),
    "text in a price": (with_text, "text in close"),
    "duplicate timestamps": (with_duplicate, "duplicate"),
    "naive timestamps": (with_naive, "zone"),
    "unsorted timestamps": (lambda frame: frame.iloc[::-1], "sorted|order"),
    "too few bars": (lambda frame: frame.iloc[:100], "500"),
    "high below low": (lambda frame: frame.assign(high=frame["low"] * 0.5), "high"),
    "price of zero": (lambda frame: frame.assign(low=0.0), "positive|low"),
    "no price": (lambda frame: frame.assign(close=frame["close"].where(frame.index != 77)), "77"),
}


@pytest.mark.parametrize("name", EDITS)
def test_bad_bars_are_named_with_file(name: str, prepared: Prepare, folder: Path) -> None:
    edit, said = EDITS[name]
    change(folder, edit)
    with pytest.raises((BarsError, SourceError), match=f"(?s)AAA.parquet.*(?:{said})"):
        prepared()


def test_defects_of_all_files_are_listed_in_one_error(prepared: Prepare, folder: Path) -> None:
    with_naive(bars()).to_parquet(folder / "AAA.parquet")
    with_duplicate(bars()).to_parquet(folder / "CCC.parquet")
    with pytest.raises(BarsError, match=r"(?s)AAA.parquet.*CCC.parquet"):
        prepared()


def rising(seed: int) -> Frame:
    """Return bars that go up and never turn: no SELL anywhere."""
    frame = bars(seed=seed)
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).uniform(0.0005, 0.0015, len(frame))))
    opened = np.concatenate([[100.0], close[:-1]])
    return frame.assign(open=opened, high=close, low=opened, close=close)


def test_class_absent_from_train(prepared: Prepare, folder: Path) -> None:
    for place, name in enumerate(("AAA", "BBB", "CCC")):
        rising(place).to_parquet(folder / f"{name}.parquet")
    with pytest.raises(LabelError, match=r"(?s)SELL.*0"):
        prepared()


def test_fold_without_a_symbol_lists_it_and_the_cure(prepared: Prepare, folder: Path) -> None:
    bars(start="2018-05-01").to_parquet(folder / "BBB.parquet")
    with pytest.raises(SplitError, match=r"(?s)BBB.*split.absent=allow"):
        prepared("split.validation_from=2018-02-01", "split.test_from=2018-02-15", "split.absent=refuse")


def test_symbol_without_asset_class_is_refused_by_the_check(composed: Compose) -> None:
    found = config_problems(composed("++symbols.members.NEW={}"))
    assert [problem.path for problem in found] == ["symbols.members.NEW.asset_class"]
    assert found[0].text.startswith("missing")
    assert "stock" in found[0].text


def test_outputs_that_cannot_be_written(prepared: Prepare, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    with pytest.raises(OutputError, match="blocked"):
        prepared(f"++paths.outputs={tmp_path / 'blocked' / 'outputs'}")


def test_window_longer_than_every_history(prepared: Prepare) -> None:
    with pytest.raises(MultisymbolError, match=r"window.*5,?000|5,?000.*window"):
        prepared("window=5000")


def test_table_that_is_not_there_is_a_problem_of_the_configuration(composed: Compose) -> None:
    found = config_problems(composed("symbols=table", "symbols.file=none.csv"))
    assert [problem.path for problem in found] == ["symbols.file"]
    assert "none.csv cannot be read" in found[0].text


def test_folder_that_is_not_there_is_said_once(prepared: Prepare) -> None:
    with pytest.raises(SourceError) as said:
        prepared("++source.root=nowhere")
    assert str(said.value).count("nowhere is not a folder") == 1


def test_split_s_own_message_reaches_the_user_unadorned(prepared: Prepare) -> None:
    with pytest.raises(MultisymbolError, match=r"^split: train=20y is no length of time"):
        prepared("split=walk_forward", "++split.train=20y")
