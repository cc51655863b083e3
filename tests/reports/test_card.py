import dataclasses
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from multisymbol.features.pipeline import feature_spec, warmup_bars
from multisymbol.features.scaling import Affine, Scaler
from multisymbol.markets.symbols import Costs, resolve_symbols, universe
from multisymbol.markets.time import instant
from multisymbol.registry.bundle.format import Bundle, read_bundle, write_bundle
from multisymbol.reports.card import Card, model_card, span_figure
from multisymbol.reports.figures.training import score_figure
from multisymbol.reports.page import Code, Facts, Folded, Page, page_html, page_markdown
from multisymbol.reports.tables.table import Table

FEATURES: dict[str, Any] = {
    "indicators": {"rsi": {"period": 14}},
    "fuzzy": {"rsi": {"low": {"left_shoulder": [30, 45]}}},
}
LABEL = {"_target_": "multisymbol.labels.zigzag.ZigZag", "threshold": "volatility", "percent": 2.0}
RETURN_SCORES = {"test_huber": 0.5, "test_zero_huber": 0.55, "test_skill": 0.09, "test_ic": 0.3, "test_rows": 900.0}


def asset_class(**labels: Any) -> dict[str, Any]:
    return {
        "calendar": "24/7",
        "volume": "optional",
        "costs": {field.name: 1.0 for field in dataclasses.fields(Costs)},
        "gaps": {"over_closed": "carry", "max_missing_hours": 24},
        "labels": {"zigzag": labels} if labels else {},
    }


def configs() -> dict[str, Any]:
    slow = asset_class(percent=4.0) | {"indicators": {"rsi": {"period": 50}}}
    return resolve_symbols(
        symbols={"GC=F": {"asset_class": "metal"}, "AAPL": {"asset_class": "stock"}, "MSFT": {"asset_class": "stock"}},
        asset_classes={"metal": asset_class(), "stock": slow},
        features=FEATURES,
        labels=LABEL,
        label_name="zigzag",
    )


def scores(log_loss: float, no_skill: float, rows: float) -> dict[str, float]:
    return {
        "test_log_loss": log_loss,
        "test_no_skill_log_loss": no_skill,
        "test_skill": 1 - log_loss / no_skill,
        "test_balanced_accuracy": 0.4,
        "test_no_skill_balanced_accuracy": 0.39,
        "test_mcc": math.nan,
        "test_brier": 0.2,
        "test_rows": rows,
    }


def bundle(**metadata: Any) -> Bundle:
    spec = feature_spec(**FEATURES, raw=None, clock=False, restart_bars=500)
    affine = Affine(center=np.zeros(len(spec.columns)), spread=np.ones(len(spec.columns)))
    entries = {
        symbol: {"slot": place, "asset_class": name, "train": train, "validation": 10, "test": 20, "role": role}
        for place, (symbol, name, train, role) in enumerate(
            [("GC=F", "metal", 300, "trained"), ("AAPL", "stock", 100, "trained"), ("MSFT", "stock", 0, "unseen")]
        )
    }
    facts: dict[str, Any] = {
        "strategy": "neuro",
        "scope": "universal",
        "timeframe": "1h",
        "seed": 7,
        "window": 16,
        "classes": ["BUY", "HOLD", "SELL"],
        "task": "direction",
        "created_at": "2020-01-01T00:00Z",
        "temperature": 1.25,
        "log_class_weights": [0.0, 1.0, 0.0],
        "label": "ZigZag(threshold=volatility, percent=2.0)",
        "spans": {
            "train_from": "2014-02-09T21:00Z",
            "train_until": "2019-02-12T06:00Z",
            "test_from": "2019-02-12T08:00Z",
            "test_until": "2019-12-31T23:00Z",
        },
        "best_epoch": 3,
        "validation_log_loss": 0.61,
        "test": scores(0.6, 0.7, 2000.0),
        "test_by_symbol": {
            "GC=F": scores(0.5, 0.6, 1000.0),
            "AAPL": scores(0.6, 0.8, 900.0),
            "MSFT": scores(0.9, 0.6, 100.0),
        },
        "bars": {"GC=F": "ab" * 32},
        "data_digest": "feed",
        "git_commit": "c0ffee",
        "libraries": {"torch": "2.13.0"},
    }
    return Bundle(
        weights={"head": torch.zeros(2)},
        config={
            "model": {
                "_target_": "multisymbol.learning.networks.mlp.Mlp",
                "_partial_": True,
                "hidden": [64],
                "embedding": "symbol",
            }
        },
        spec=spec,
        symbols={"scope": "universal", "timeframe": "1h", "symbols": entries},
        symbol_configs={symbol: config for symbol, config in configs().items() if symbol != "MSFT"},
        scaler=Scaler(
            spec_digest=spec.digest,
            by_symbol={"GC=F": affine, "AAPL": affine},
            by_class={"metal": affine, "stock": affine},
            asset_classes={"GC=F": "metal", "AAPL": "stock"},
            clip=8.0,
            fitted_from=instant("2014-02-09"),
            fitted_until=instant("2018-02-09"),
        ),
        similarity={},
        metadata=facts | metadata,
    )


def card(made: Bundle | None = None, **changes: Any) -> Page:
    shown = {"name": "neuro.1h.universal", "version": 3, **changes}
    return model_card(Card(bundle=bundle() if made is None else made, **shown))


def said(page: Page) -> str:
    return page_markdown(page).replace("\\", "")


def tables(page: Page) -> dict[str, Table]:
    return {each.title: each for section in page.sections for each in section.parts if isinstance(each, Table)}


def test_lead_gives_the_score_beside_no_skill_and_warns() -> None:
    assert card().lead == (
        "A universal model of BUY, HOLD and SELL, for 1h bars, trained on 2 symbols (metal, stock), on bars up to "
        "2019-02-12. On 2,000 test rows: log-loss 0.600 against 0.700 without skill. Most of the gain on such labels "
        "comes from the labels' own mechanics and earns nothing."
    )


def test_worthless_model_says_so_in_its_lead() -> None:
    assert "no better than the no-skill forecast" in card(bundle(test=scores(0.71, 0.7, 2000.0))).lead


def test_accuracy_never_stands_alone() -> None:
    headings = [column.name for column in tables(card())["test, by symbol"].columns]
    for name, beside in (("log-loss", "no-skill"), ("bal.acc", "no-skill acc")):
        assert headings[headings.index(name) + 1] == beside


def test_prior_and_rule_are_shown_where_they_are_known() -> None:
    known = {"GC=F": scores(0.5, 0.6, 1000.0) | {"test_prior_log_loss": 0.7, "test_rule_log_loss": 0.6}}
    with_both = tables(card(bundle(test_by_symbol=known)))["test, by symbol"]
    assert {"prior", "rule"} <= {column.name for column in with_both.columns}
    assert not {"prior", "rule"} & {column.name for column in tables(card())["test, by symbol"].columns}


def test_class_scores_are_means_over_rows() -> None:
    rows = {row[0]: row[1:] for row in tables(card())["test, by class"].rows}
    assert rows["metal"] == pytest.approx((1, 1000, 0.5, 0.6, 1 / 6))
    model, without = (0.6 * 900 + 0.9 * 100) / 1000, (0.8 * 900 + 0.6 * 100) / 1000
    assert rows["stock"] == pytest.approx((2, 1000, model, without, 1 - model / without))


def test_shares_are_of_train_rows() -> None:
    table = tables(card())["symbols"]
    assert [row[-1] for row in table.rows] == [0.75, 0.25, 0.0]
    assert table.total == ("all", "", "", 400, 30, 60, 1.0)


def test_history_is_the_most_a_symbol_of_the_class_needs() -> None:
    made = bundle()
    needed = {str(row[0]): row[1] for row in tables(card(made))[""].rows}
    for config in universe(made.symbol_configs):
        assert needed[config.asset_class] == warmup_bars(config=config, spec=made.spec) + 500 + 16 - 1
    assert needed["stock"] != needed["metal"]


def test_label_parameters_are_grouped_by_what_they_are() -> None:
    assert tables(card())["Parameters by symbol"].rows == (
        ("GC=F", "ZigZag(threshold=volatility, percent=2.0)"),
        ("AAPL", "ZigZag(threshold=volatility, percent=4.0)"),
    )


@pytest.mark.parametrize(
    ("label", "warning"),
    [
        ("ZigZag(threshold=volatility)", "75 % of such labels can be predicted on a pure random walk"),
        ("Horizon(bars=8)", "Look at BUY against SELL alone"),
    ],
)
def test_mechanics_of_the_labels_are_warned_of(label: str, warning: str) -> None:
    assert warning in said(card(bundle(label=label)))


def test_limits_name_the_instant_before_which_no_backtest_is_valid() -> None:
    assert "No backtest before 2019-02-12T06:00Z" in said(card())
    assert "Fewer than 500 test rows, so the scores are uncertain: MSFT." in said(card())


def test_symbols_never_trained_on_are_told_apart() -> None:
    text = said(card())
    assert "its scores above for MSFT, never trained on" in text
    assert "gets the vector of the unknown" in text
    assert "There are those of: metal, stock." in text


def test_calibration_is_told_before_and_after_where_it_is_known() -> None:
    assert "divided by 1.250, fitted on validation rows: probabilities are moved towards uniform" in said(card())
    fit = {"log_loss_before": 0.7, "log_loss_after": 0.65}
    assert "Validation log-loss 0.7000 before, 0.6500 after" in said(card(bundle(calibration=fit)))


def test_parent_is_named() -> None:
    text = said(card(bundle(finetuned_from={"name": "neuro.1h.universal", "version": 2}, fit_seconds=12.4)))
    assert "fine-tuned from: neuro.1h.universal version 2" in text
    assert "time of the fit: 12 s" in text
    assert "fine-tuned" not in said(card())


def test_commands_name_version_or_newest_and_quote_symbols() -> None:
    commands = [part.text for each in card().sections for part in each.parts if isinstance(part, Code)]
    assert "-m 'models:/neuro.1h.universal/3'" in commands[0]
    assert "'symbol=\"GC=F\"'" in commands[0]
    assert "-m 'models:/neuro.1h.universal@newest'" in said(card(version=None))
    assert "mlflow" not in said(card(name=None, version=None))


def test_card_of_a_model_of_returns() -> None:
    made = bundle(
        task="forward_return", label="Horizon(bars=8)", test=RETURN_SCORES, test_by_symbol={"GC=F": RETURN_SCORES}
    )
    page = card(made)
    assert "Huber 0.5000 against 0.5500 without skill" in page.lead
    assert "Calibration" not in [section.title for section in page.sections]
    assert [column.name for column in tables(page)["test, by symbol"].columns] == [
        "symbol", "rows", "Huber", "zero", "skill", "IC",
    ]  # fmt: skip


def test_card_of_a_single_model_says_whose_it_is() -> None:
    assert "It is a model of GC=F, AAPL: another symbol gets it only" in said(card(bundle(scope="single")))


def test_model_without_scores_has_a_card() -> None:
    assert "It has no test scores." in said(card(bundle(test={}, test_by_symbol={}, spans={})))


def test_hashes_are_folded_away() -> None:
    folded = [
        each for each in card(hashes={"weights.safetensors": "00" * 32}).sections[-1].parts if isinstance(each, Folded)
    ]
    assert [each.title for each in folded] == ["SHA-256 of each symbol's bars", "SHA-256 of the bundle's files"]
    assert "weights.safetensors" in said(card(hashes={"weights.safetensors": "00" * 32}))


def test_facts_of_the_run_are_told() -> None:
    facts = dict(item for part in card().sections[0].parts if isinstance(part, Facts) for item in part.items)
    assert facts["network"] == "Mlp(hidden=[64], embedding=symbol)"
    assert facts["validation"] == "log_loss 0.6100"
    assert facts["train and validation"] == "2014-02-09T21:00Z to 2019-02-12T06:00Z"
    assert facts["test"] == "2019-02-12T08:00Z to 2019-12-31T23:00Z"


def test_card_of_a_stored_model_is_the_same_page(tmp_path: Path) -> None:
    write_bundle(bundle(), tmp_path / "bundle")
    again = card(read_bundle(tmp_path / "bundle"))
    assert page_html(again) == page_html(card())
    assert page_markdown(again) == page_markdown(card())


def test_given_figures_stand_with_the_scores() -> None:
    given = Figure()
    scored = next(section for section in card(figures=[given]).sections if section.title == "Scores")
    assert given in scored.parts


def test_validation_is_drawn_apart_where_its_beginning_is_known() -> None:
    spans = bundle().metadata["spans"]
    assert len(span_figure(spans).axes[0].patches) == 2
    assert len(span_figure(spans | {"validation_from": "2018-06-01"}).axes[0].patches) == 3


def test_symbol_without_a_score_is_drawn_without_skill() -> None:
    drawn = score_figure(["A", "B"], model=np.array([0.5, np.nan]), no_skill=np.array([1.0, 1.0]), measure="log-loss")
    drawn.savefig(io.BytesIO(), format="png", dpi=30)
    assert [text.get_text() for text in drawn.axes[0].texts[:2]] == ["50 %", "–"]
