"""`multisymbol.statistics` is a library of its own: beside itself it needs the package's errors and seeds only."""

import subprocess
import sys
from pathlib import Path

import pytest

from multisymbol import statistics
from multisymbol.labels.labels import BUY, HOLD, SELL
from multisymbol.learning.metrics import PROBABILITY_FLOOR
from multisymbol.statistics import loss_differentials
from tests.test_layers import imports

FILES = sorted(Path(statistics.__file__).parent.glob("*.py"))
OURS = {"arrays", "errors", "seeding", "statistics"}
HEAVY = ("torch", "scipy", "lightning", "mlflow", "hydra", "arch", "matplotlib", "pandas")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_nothing_else_of_the_package_is_imported(file: Path) -> None:
    ours = {name.split(".")[1] for name in imports(file) if name.startswith("multisymbol.")}
    assert ours <= OURS


def test_importing_it_loads_no_framework() -> None:
    code = f"import sys, multisymbol.statistics; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_imported_when_it_is_used_and_listed() -> None:
    assert sorted(statistics._PUBLIC) == sorted(statistics.__all__)
    for name in statistics.__all__:
        assert getattr(statistics, name).__module__.startswith("multisymbol.statistics")
    assert set(statistics.__all__) <= set(dir(statistics))
    with pytest.raises(AttributeError, match="no attribute 'compare_loses'"):
        _ = statistics.compare_loses


def test_every_class_a_public_function_takes_or_returns_is_public() -> None:
    public = {getattr(statistics, name) for name in statistics.__all__}
    for module in {value.__module__ for value in public}:
        for name, value in vars(sys.modules[module]).items():
            ours = isinstance(value, type) and value.__module__ == module and not name.startswith("_")
            assert not ours or value in public or name in {"Pairs", "LossTable"}, f"{module}.{name}"


def test_the_folder_fits_in_the_eye() -> None:
    assert len(FILES) <= 16


def test_class_numbers_and_floor_are_those_of_the_labels_and_metrics() -> None:
    assert (loss_differentials.BUY, loss_differentials.HOLD, loss_differentials.SELL) == (BUY, HOLD, SELL)
    assert loss_differentials.PROBABILITY_FLOOR == PROBABILITY_FLOOR
