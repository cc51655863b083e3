from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from multisymbol.features.fuzzy import read_membership, write_degrees
from multisymbol.features.pipeline import feature_rows, feature_spec
from tests.features.worlds import bars_of, config, new_york, walk

DEFAULT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "conf" / "features" / "default.yaml").read_text(encoding="utf-8")
)


def test_the_default_has_the_columns_its_comment_says() -> None:
    spec = feature_spec(**DEFAULT, clock=True)
    kinds = [column.kind for column in spec.columns[:46]]
    assert kinds == ["raw"] * 16 + ["membership"] * 29 + ["flag"]
    assert len(spec.columns) == 46 + 11
    symbol = config(indicators=DEFAULT["indicators"], fuzzy=DEFAULT["fuzzy"])
    rows = feature_rows(bars_of(walk(500)), config=symbol, spec=spec, clock=new_york(), from_start=True)
    assert rows.ready.sum() == 500 - rows.warmup_bars > 0


@pytest.mark.parametrize("column", sorted(DEFAULT["fuzzy"]))
def test_no_value_is_without_a_degree(column: str) -> None:
    values = np.concatenate([np.linspace(-1, 1, 4001), np.linspace(-200, 200, 4001)])
    degrees = np.zeros((len(values), len(DEFAULT["fuzzy"][column])), dtype=np.float32)
    for index, (name, definition) in enumerate(DEFAULT["fuzzy"][column].items()):
        write_degrees(values, read_membership(column, name, definition), degrees[:, index])
    assert degrees.max(axis=1).min() >= 0.25
