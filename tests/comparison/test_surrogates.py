"""The data of a surrogate market: the real one's bars with random signs, made coarser after that, not before."""

from pathlib import Path

import pytest

from multisymbol.cli.specs import data_spec, source_of
from multisymbol.comparison.surrogates import surrogate_data
from tests.comparison.test_run import values_in


@pytest.mark.parametrize("resample", ["null", "4h"])
def test_signs_are_drawn_for_the_bars_of_the_source(resample: str, tmp_path: Path) -> None:
    values = values_in(tmp_path, f"resample={resample}")
    node = {
        "_target_": "multisymbol.markets.surrogate.SurrogateSource",
        "inner": values["source"],
        "seed": 7,
        "drift": "removed",
    }
    expected = source_of({**values, "source": node})
    data = data_spec(values)
    made = surrogate_data(data, seed=7, drift="removed", cache=tmp_path / "room")
    config = data.universe.configs[0]
    assert made.source.timeframe == data.source.timeframe
    assert made.source.fingerprint(config, data.period) == expected.fingerprint(config, data.period)
    assert made.source.fingerprint(config, data.period) != data.source.fingerprint(config, data.period)
    assert (made.cache, made.least_class_share) == (tmp_path / "room", 0.0)
