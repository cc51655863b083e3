"""Files as vendors write them: every format gives the bars it was made from, to the last digit and the nanosecond."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multisymbol.errors import BarsError
from multisymbol.markets.io.defects import OnDefect
from multisymbol.markets.io.files import CsvSource
from multisymbol.markets.time import HOUR, Period
from tests.markets.conftest import LIMITS, config_of
from tests.vendor_files import VENDORS, Frame, VendorFile


def source(folder: Path, vendor: VendorFile, **changes: Any) -> CsvSource:
    options: dict[str, Any] = {}
    for option in vendor.options:
        key, _, value = option.removeprefix("source.").partition("=")
        if key != "symbol":
            options[key] = value
    if "columns" in options:
        text = options["columns"]
        options["columns"] = text.strip("[]").split(",") if text[0] == "[" else {"timestamp": "when"}
    choices = {
        "root": str(folder),
        "pattern": "{symbol}.csv",
        "timeframe": "1h" if vendor.freq == "1h" else "1d",
        "stamped": "open",
        "min_bars": 1,
        "on_defect": OnDefect(),
        "limits": LIMITS,
        "files": {vendor.symbol: vendor.file},
    }
    return CsvSource(**{**choices, **options, **changes})


def made(folder: Path, vendor: VendorFile) -> Frame:
    frame = vendor.bars()
    vendor.write(frame, folder / vendor.file)
    return frame


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_every_format_gives_the_bars_it_was_made_from(vendor: VendorFile, tmp_path: Path) -> None:
    frame = made(tmp_path, vendor)
    read = source(tmp_path, vendor).read(config_of(vendor.symbol, vendor.asset_class), Period())
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(read, name).tolist() == frame[name].tolist(), name
    expected = frame["timestamp"].dt.as_unit("ns").astype("int64").to_numpy()
    late = 5 * HOUR if vendor.freq == "B" else 0  # a date of an exchange is the day of its own clock
    assert np.array_equal(read.opened_at, expected + late)


@pytest.mark.parametrize("name", ["metatrader", "headless"])
def test_zone_is_never_guessed(name: str, tmp_path: Path) -> None:
    vendor = VENDORS[name]
    made(tmp_path, vendor)
    with pytest.raises(BarsError, match=r"no time zone \(row 0 '.*'\).*\n.*source.timezone=UTC"):
        source(tmp_path, vendor, timezone=None).read(config_of(vendor.symbol, vendor.asset_class), Period())
