"""The verb predict: the newest decision on each symbol, the training panel's row to the bit, or a reason for none."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from multisymbol.cli.predict import asked_symbols, show_predictions
from multisymbol.cli.resolve import resolve_spec
from multisymbol.cli.schema import config_problems
from multisymbol.cli.specs import source_of
from multisymbol.config.build import plain
from multisymbol.errors import ConfigError, ModelNotFoundError, OutputError, SampleError, SymbolError
from multisymbol.markets.io.tables import SYNTHETIC_KEY
from multisymbol.markets.symbols import universe
from multisymbol.markets.time import HOUR, Period, Timeframe, instant, iso
from multisymbol.registry.selection.candidates import trained_until
from multisymbol.registry.store.store import Store
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.reports.tables.predictions import prediction_table, prediction_text
from multisymbol.serving.latest import Prediction, predict_latest, prediction_frame, with_age
from multisymbol.serving.resolver import Resolver
from multisymbol.serving.served_model import Model
from tests.composing import composed_page
from tests.conftest import Command, prepared_outputs, train_small

SCHEMA = "multisymbol.cli.predict.PredictConfig"
SPAN = ("source.start=2017-01-01", "source.end=2019-01-01", "source.signal=0.12")
MEMBERS = ("SYN_A", "SYN_C", "SYN_D")
PRESENT = "symbols.only=[SYN_A,SYN_C,SYN_D,SYN_F]"
Ask = Callable[..., dict[str, Any]]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Path:
    """Outputs that hold a universal model without a crypto among its symbols."""
    folder = prepared_outputs(tmp_path_factory.mktemp("predict"), store_template)
    train_small(folder, f"symbols.only=[{','.join(MEMBERS)}]", "model.hidden=[8]", "trainer.max_epochs=1")
    return folder


@pytest.fixture(scope="module")
def tested(outputs: Path) -> list[Row]:
    """What the training itself said of its test rows."""
    return training_said(outputs)


def training_said(outputs: Path) -> list[Row]:
    frame = pd.read_parquet(outputs / "runs" / "run" / "predictions.parquet")
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def probabilities(row: Row) -> list[float]:
    return [row[f"p_{name}"] for name in ("buy", "hold", "sell")]


def said_of(given: Prediction) -> list[float]:
    return [given.outputs[name] for name in ("buy", "hold", "sell")]


def composed(*overrides: str) -> dict[str, Any]:
    span = () if "source=parquet" in overrides else SPAN
    config = composed_page("predict", *span, *overrides)
    assert config_problems(config, schema=SCHEMA) == []
    return plain(config)


@pytest.fixture
def ask(outputs: Path) -> Ask:
    """Return what composes a question to the stored model."""
    return lambda *overrides: composed(f"paths.outputs={outputs}", PRESENT, *overrides)


def predicted(values: Mapping[str, Any]) -> list[Prediction]:
    return predict_latest(Resolver.open(resolve_spec(values)), asked_symbols(values))


def answers(values: Mapping[str, Any]) -> dict[str, Prediction]:
    return {each.resolution.request.symbol: each for each in predicted(values)}


def until(outputs: Path) -> int:
    (version,) = Store(
        uri=f"sqlite:///{outputs}/mlflow.db", artifact_root=str(outputs / "artifacts"), mlflow_experiment="m"
    ).versions()
    seen = trained_until(version)
    assert seen is not None
    return seen


def stamp(row: Row) -> int:
    return int(pd.Timestamp(row["decided_at"]).as_unit("ns").value)


@pytest.mark.parametrize("symbol", MEMBERS)
def test_probabilities_are_the_training_panels_to_the_bit(ask: Ask, tested: list[Row], symbol: str) -> None:
    rows = [row for row in tested if row["symbol"] == symbol]
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        given = answers(ask(f"as_of='{iso(stamp(row))}'", f"symbol={symbol}"))[symbol]
        assert given.decided_at == stamp(row)
        assert said_of(given) == probabilities(row)
        assert given.known


def test_bars_after_as_of_are_not_looked_at(ask: Ask, tested: list[Row]) -> None:
    row = next(row for row in tested if row["symbol"] == "SYN_D")
    exact = answers(ask(f"as_of='{iso(stamp(row))}'"))["SYN_D"]
    within = answers(ask(f"as_of='{iso(stamp(row) + HOUR - 1_000_000_000)}'"))["SYN_D"]
    assert exact.decided_at == within.decided_at == stamp(row)
    assert said_of(exact) == said_of(within) == probabilities(row)
    later = answers(ask(f"as_of='{iso(stamp(row) + HOUR)}'"))["SYN_D"]
    assert later.decided_at == stamp(row) + HOUR
    assert said_of(later) != said_of(exact)


def test_as_of_before_the_end_of_training_is_refused_and_allow_seen_says_so(ask: Ask, outputs: Path) -> None:
    as_of = f"as_of='{iso(until(outputs) - HOUR)}'"
    refused = answers(ask(as_of))["SYN_A"]
    assert (refused.served, refused.decision, dict(refused.outputs)) == (False, None, {})
    assert "past as_of" in refused.reason
    allowed = answers(ask(as_of, "allow_seen=true"))["SYN_A"]
    assert allowed.served
    assert allowed.seen
    assert "HAS SEEN" in allowed.reason


def test_a_bar_the_model_was_trained_on_is_no_decision_even_today(
    ask: Ask, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without as_of no model is past it; the source ends before the training did."""
    old = f"source.end='{iso(until(outputs) - 48 * HOUR)}'"
    refused = answers(ask(old))["SYN_A"]
    assert not refused.served
    assert f"was trained on data through {iso(until(outputs))}" in refused.reason
    allowed = show_predictions(ask(old, "allow_seen=true"))[0]
    assert allowed.seen
    assert allowed.reason.startswith("it HAS SEEN this bar (allow_seen)")
    assert "SEEN: trained past these bars, which proves nothing: " in capsys.readouterr().out


def test_symbol_without_a_model_is_listed_with_its_reason(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    said = show_predictions(ask())
    assert [each.served for each in said] == [True, True, True, False]
    assert [each.resolution.request.symbol for each in said] == [*MEMBERS, "SYN_F"]
    mark, *lines = capsys.readouterr().out.splitlines()
    assert mark.startswith("SYNTHETIC: ")
    assert lines[0] == "newest decisions"
    assert lines[1].split() == ["symbol", "decided", "at", "age", "BUY", "HOLD", "SELL", "decision", "model", "why"]
    assert "neuro_fuzzy.1h.universal/1 (newest, not promoted)" in lines[2]
    coin = next(line for line in lines if line.startswith("SYN_F"))
    assert coin.split()[1:9] == ["–", "–", "–", "–", "–", "–", "(1)", "–"]
    assert any(line.startswith("(1) no model may answer: universal") for line in lines)


def test_a_reason_that_many_symbols_share_is_said_once(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelNotFoundError):
        show_predictions(ask("symbols.only=[SYN_A,SYN_C,SYN_D]", "as_of=2017-06-01"))
    said = capsys.readouterr().out
    assert [line.split()[4] for line in said.splitlines()[3:6]] == ["(1)", "(1)", "(1)"]
    assert said.count("no model may answer") == 1
    assert max(map(len, said.splitlines())) <= 160


def test_a_model_without_skill_is_said_to_be_one_in_every_form(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = Store.versions

    def worthless(store: Store, **given: Any) -> list[StoredVersion]:
        scores = {"test_log_loss": "1.2", "no_skill": "1.1"}
        return [replace(each, tags={**each.tags, **scores}) for each in listed(store, **given)]

    monkeypatch.setattr(Store, "versions", worthless)
    said = show_predictions(ask())
    careful = "neuro_fuzzy.1h.universal version 1 has shown no skill: its test log-loss 1.2000 is above"
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"careful: {careful}")]
    assert len(lines) == 1
    assert prediction_frame(said)["careful"].str.startswith(careful).tolist()[:3] == [True] * 3
    assert said[3].to_json()["careful"] is None


def test_symbol_nobody_knows_is_served_as_its_class(ask: Ask) -> None:
    given = answers(ask("symbol=SYN_B"))["SYN_B"]
    assert given.served
    assert not given.known
    assert "SYN_B unseen in training: class scaling, unknown slot" in given.reason


def test_each_model_is_loaded_once(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    read = Model.read

    def counting(folder: Path, *, name: str | None, version: int | None) -> Model:
        loaded.append((name, version))
        return read(folder, name=name, version=version)

    monkeypatch.setattr(Model, "read", counting)
    answers(ask())
    assert loaded == [("neuro_fuzzy.1h.universal", 1)]


@pytest.mark.slow
def test_joined_bar_that_is_not_over_is_not_decided_at(tmp_path: Path, store_template: Path) -> None:
    folder = prepared_outputs(tmp_path, store_template)
    coarse = ("resample=4h", "symbols.only=[SYN_D]", "model.hidden=[8]", "trainer.max_epochs=1", "stride=1")
    train_small(folder, *coarse)
    row = training_said(folder)[-9]
    close = stamp(row)
    for late in (0, HOUR, 3 * HOUR):
        values = composed(f"paths.outputs={folder}", *coarse[:2], f"as_of='{iso(close + late)}'")
        given = answers(values)["SYN_D"]
        assert given.decided_at == close
        assert said_of(given) == probabilities(row)


def test_missing_file_and_missing_bars_leave_the_others_alone(ask: Ask, tmp_path: Path) -> None:
    write_bars(ask(), tmp_path / "SYN_A.parquet")
    given = answers(ask("source=parquet", f"source.root={tmp_path}"))
    assert [each.served for each in given.values()] == [True, False, False, False]
    assert said_of(given["SYN_A"]) == said_of(answers(ask("symbol=SYN_A"))["SYN_A"])
    assert "SYN_D.parquet" in given["SYN_D"].reason
    early = answers(ask("as_of=2017-01-04", "allow_seen=true"))
    assert "50 bars in the period from 2017-01-01T22:00Z to 2017-01-04T00:00Z" in early["SYN_D"].reason


def write_bars(values: Mapping[str, Any], file: Path, *, until: str | None = None) -> None:
    """Write the bars of the symbol that the file is named after."""
    config = next(each for each in universe(values["symbol_configs"]) if each.symbol == file.stem)
    bars = source_of(values).read(config, Period(end=until))
    frame = pd.DataFrame({name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")})
    frame.insert(0, "timestamp", pd.to_datetime(bars.opened_at, unit="ns", utc=True))
    table = pyarrow.Table.from_pandas(frame)
    parquet.write_table(table.replace_schema_metadata({SYNTHETIC_KEY: b"{}"}), file)


@pytest.fixture
def feed(ask: Ask, tmp_path: Path) -> Callable[..., dict[str, Prediction]]:
    """Ask at some time about bars that are not generated: a stock's of 2018, a currency's to 2018-12-17."""
    write_bars(ask(), tmp_path / "SYN_A.parquet")
    write_bars(ask(), tmp_path / "SYN_D.parquet", until="2018-12-17")

    def call(now: str, *overrides: str, max_age_bars: int | None = 5) -> dict[str, Prediction]:
        values = ask("source=parquet", f"source.root={tmp_path}", "symbols.only=[SYN_A,SYN_D]", *overrides)
        resolver, configs = Resolver.open(resolve_spec(values)), asked_symbols(values)
        said = predict_latest(resolver, configs, max_age_bars=None, now=lambda: instant(now))
        real = [
            replace(
                each, resolution=replace(each.resolution, request=replace(each.resolution.request, provenance="real"))
            )
            for each in said
        ]
        as_of = resolver.spec.as_of
        given = with_age(
            real,
            configs,
            timeframe=Timeframe.parse("1h"),
            until=instant(now) if as_of is None else as_of,
            max_age_bars=max_age_bars,
        )
        return {each.resolution.request.symbol: each for each in given}

    return call


Feed = Callable[..., dict[str, Prediction]]


def test_a_dead_feed_is_no_decision(feed: Feed) -> None:
    """The youngest bar is no clock: years later nobody is served, however the bars end together."""
    for each in feed("2026-11-30").values():
        assert not each.served
        assert (each.decision, dict(each.outputs), each.clock) == (None, {}, instant("2026-11-30"))
        assert each.age_bars is not None
        assert each.age_bars > 10_000
        assert each.reason.startswith("OLD, no decision: its newest bar closed at 2018-12-")
        assert f"ask as_of={iso(each.decided_at or 0)}; max_age_bars=5" in each.reason


@pytest.mark.parametrize(
    ("now", "age"),
    [
        ("2018-12-31T21:00Z", 0),
        ("2019-01-01T20:00Z", 0),  # a holiday
        ("2019-01-02T14:30Z", 0),  # the open
        ("2019-01-02T16:30Z", 2),
        ("2019-01-02T17:30Z", 3),
        ("2019-01-02T19:30Z", 5),
        ("2019-01-02T20:30Z", 6),
        ("2019-01-03T14:30Z", 6),
    ],
)
def test_age_counts_the_open_market_by_the_wall_clock(feed: Feed, now: str, age: int) -> None:
    said = feed(now)
    given = said["SYN_A"]
    assert (given.age_bars, given.served, given.old) == (age, age <= 5, age > 2)
    assert given.reason.startswith("OLD, no decision: ") == (age > 5)
    assert given.reason.startswith("OLD") == (age > 2)
    assert not said["SYN_D"].served


def test_the_limit_is_a_choice(feed: Feed, ask: Ask) -> None:
    assert feed("2026-11-30", max_age_bars=None)["SYN_D"].served
    assert feed("2019-01-02T17:30Z", max_age_bars=3)["SYN_A"].served
    assert not feed("2019-01-02T17:30Z", max_age_bars=2)["SYN_A"].served
    with pytest.raises(ConfigError, match="max_age_bars=-1"):
        show_predictions(ask("max_age_bars=-1"))


def test_a_question_of_the_past_is_answered_by_its_own_clock(feed: Feed) -> None:
    given = feed("2026-11-30", "as_of='2018-12-14T12:00'")
    assert [each.served for each in given.values()] == [True, True]
    assert {each.clock for each in given.values()} == {instant("2018-12-14T12:00")}
    assert [each.age_bars for each in given.values()] == [0, 0]
    assert not feed("2026-11-30", "as_of=2018-12-27")["SYN_D"].served


def test_a_synthetic_market_stands_still_where_its_bars_end(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    said = show_predictions(ask("symbols.only=[SYN_A,SYN_D]"))
    assert [each.served for each in said] == [True, True]
    ends = max(each.decided_at or 0 for each in said)
    assert f"clock: {iso(ends)}, the end of the synthetic market" in capsys.readouterr().out
    assert {each.clock for each in said} == {ends}


def test_age_is_a_field_of_table_json_and_parquet(feed: Feed) -> None:
    said = list(feed("2019-01-02T17:30Z").values())
    assert "3!" in prediction_text(said)
    assert said[0].to_json()["age_bars"] == 3
    assert said[0].to_json()["clock"] == "2019-01-02T17:30Z"
    frame = prediction_frame(said)
    assert frame["age_bars"].iloc[0] == 3
    assert frame["age_bars"].dtype == "Int64"


def test_changed_model_answers_for_nobody_and_is_named(ask: Ask, tmp_path: Path) -> None:
    values = ask()
    resolver = Resolver.open(resolve_spec(values))
    (version,) = resolver.versions
    folder = tmp_path / "model"
    shutil.copytree(resolver.spec.store.model_folder(version), folder)
    (folder / "bundle" / "scaler.json").write_text("{}")
    changed = replace(resolver, versions=[replace(version, source=str(folder))])
    said = predict_latest(changed, asked_symbols(values))
    assert not any(each.served for each in said)
    assert "neuro_fuzzy.1h.universal version 1" in said[0].reason
    assert "not those that were registered" in said[0].reason


def test_json_has_full_precision_and_the_chain(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    said = show_predictions(ask("output=json"))
    data = json.loads(capsys.readouterr().out)
    assert [row["symbol"] for row in data] == [*MEMBERS, "SYN_F"]
    assert [data[0][name] for name in ("buy", "hold", "sell")] == list(said[0].outputs.values())
    assert (data[0]["model"], data[0]["version"], data[0]["role"]) == ("neuro_fuzzy.1h.universal", 1, "universal")
    assert data[0]["chain"][0]["outcome"] == "taken"
    assert data[3]["decision"] is data[3]["decided_at"] is data[3]["buy"] is None


def test_parquet_is_typed_and_the_same(ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "decisions.parquet"
    said = show_predictions(ask("output=parquet", f"out={file}"))
    frame = pd.read_parquet(file)
    pd.testing.assert_frame_equal(frame, prediction_frame(said))
    assert str(frame["decided_at"].dtype) == "datetime64[ns, UTC]"
    assert frame["version"].tolist()[:3] == [1, 1, 1]
    assert frame["version"].isna().tolist() == [False, False, False, True]
    assert frame["buy"].tolist()[:3] == [each.outputs["buy"] for each in said[:3]]
    assert capsys.readouterr().out == f"decisions  3 of 4 symbols are served · {file}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["decisions.parquet"]


def test_forms_that_cannot_be_are_refused_before_anything_is_asked(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"say which, out=decisions\.parquet"):
        show_predictions(ask("output=parquet"))
    with pytest.raises(OutputError, match="there is no such folder"):
        show_predictions(ask("output=json", f"out={tmp_path / 'no' / 'file.json'}"))
    with pytest.raises(ConfigError, match="as_class=stock is the class of one symbol"):
        show_predictions(ask("as_class=stock"))
    with pytest.raises(ConfigError, match="'yesterday' is not a timestamp"):
        show_predictions(ask("as_of=yesterday"))


def test_typo_in_a_symbol_is_answered_with_the_nearest(ask: Ask) -> None:
    with pytest.raises(SymbolError, match=r"symbol=SYNA is no member of symbols.members, did you mean 'SYN_A'\?"):
        show_predictions(ask("symbol=SYNA"))


def test_where_nobody_is_served_the_command_to_train_one_is_named(
    ask: Ask, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelNotFoundError, match=r"(?s)SYN_F 1h is served by no model.*train one: .*symbol=SYN_F"):
        show_predictions(ask("symbol=SYN_F"))
    assert "SYN_F" in capsys.readouterr().out
    with pytest.raises(SampleError, match=r"(?s)none of 2 symbols is served\nSYN_A, SYN_C: its newest bar"):
        show_predictions(ask("symbols.only=[SYN_A,SYN_C]", f"source.end='{iso(until(outputs) - HOUR)}'"))


def test_as_of_is_said_above_the_table(ask: Ask) -> None:
    said = predicted(ask("as_of=2018-12-28T15:00Z"))
    assert prediction_table(said).title == "newest decisions as of 2018-12-28T15:00Z"
    assert max(each.decided_at or 0 for each in said) <= instant("2018-12-28T15:00Z")


@pytest.mark.slow
def test_command_decides_and_leaves_no_run(command: Command, outputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "decisions.json"
    before = sorted((outputs / "runs").iterdir())
    done = command("scripts/predict.py", f"paths.outputs={outputs}", PRESENT, *SPAN, "output=json", f"out={out}")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(out.read_text())) == 4
    assert sorted((outputs / "runs").iterdir()) == before
    wrong = command("scripts/predict.py", f"paths.outputs={outputs}", "symbols.only=[SYNA]", "as_off=2018-01-01", *SPAN)
    assert wrong.returncode == 2
    assert "did you mean 'SYN_A'" in wrong.stderr
    assert "did you mean 'as_of'" in wrong.stderr
    assert "Traceback" not in wrong.stderr
