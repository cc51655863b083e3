"""A metric and a page section of the user's own: one file of Python, named by the configuration."""

import csv
from pathlib import Path

import pytest
from mlflow import MlflowClient

from multisymbol.cli.schema import config_problems
from multisymbol.config.trust import trusting
from multisymbol.registry.bundle.format import read_bundle
from tests.conftest import compose_train, prepared_outputs, train_small

OWN = """
from dataclasses import dataclass

from multisymbol.reports.card import Card
from multisymbol.reports.page import Section
from multisymbol.serving.metrics import ScoreMetric


def mean_largest(rows):
    return rows.model.max(axis=1).mean()


@dataclass(frozen=True, kw_only=True)
class Confidence(ScoreMetric):
    name: str = "confidence"
    heading: str = "confident"
    better: str = "higher"
    of: object = mean_largest
    each_symbol: bool = True


class Owner:
    page = "card"

    def __init__(self, *, desk: str):
        self.desk = desk

    def section(self, card: Card) -> Section:
        return Section(title="Owner", parts=(f"{card.name} belongs to the {self.desk} desk.",))
"""
OVERRIDES = (
    "+metrics.confidence={_target_: own_report.Confidence}",
    "+sections.owner={_target_: own_report.Owner, desk: rates}",
    "trust=[own_report]",
)


@pytest.fixture
def outputs(tmp_path: Path, store_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_report.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return prepared_outputs(tmp_path, store_template)


def test_a_metric_and_a_section_of_the_users_own_are_everywhere_ours_are(outputs: Path) -> None:
    with trusting(["own_report"]):
        run_dir = train_small(outputs, *OVERRIDES)
    by_symbol = read_bundle(run_dir / "model" / "bundle").metadata["test_by_symbol"]
    assert all(1 / 3 <= scores["test_confidence"] <= 1 for scores in by_symbol.values())
    card = (run_dir / "model" / "card.md").read_text(encoding="utf-8")
    assert "| confident |" in card
    assert "belongs to the rates desk." in card
    client = MlflowClient(f"sqlite:///{outputs}/mlflow.db")
    version = client.get_model_version_by_alias("neuro_fuzzy.1h.universal", "newest")
    assert {"test/confidence", "test/confidence/SYN_A"} <= set(client.get_run(str(version.run_id)).data.metrics)
    table = Path(client.download_artifacts(str(version.run_id), "tables/test.csv", str(outputs)))
    assert "confidence" in next(csv.reader(table.open(encoding="utf-8")))


def test_a_section_whose_package_is_not_trusted_is_refused() -> None:
    (problem,) = config_problems(compose_train(OVERRIDES[1]))
    assert problem.path == "sections.owner._target_"
    assert "its package is not trusted" in problem.text
