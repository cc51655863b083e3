"""The files beside a bundle are what MLflow reads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from multisymbol.errors import OutputError, SampleError
from multisymbol.registry.bundle.flavor import flavor_refusal, read_frame, write_flavour

EXAMPLE = pd.DataFrame(
    {
        "symbol": ["BRK.B", "BRK.B"],
        "timestamp": ["2020-01-01T00:00:00+00:00", "2020-01-01T01:00:00+00:00"],
        "open": [0.1 + 0.2, 1 / 3],
        "high": [1.0, 2.0],
        "low": [0.1, 0.2],
        "close": [0.5, 1e-17],
        "volume": [np.nan, 3.0],
    }
)
ANSWER = pd.DataFrame(
    {
        "symbol": ["BRK.B"],
        "decided_at": pd.to_datetime([1_577_840_400_000_000_000], unit="ns", utc=True),
        "buy": [1 / 3],
        "decision": ["BUY"],
        "model": pd.Series([None], dtype=object),
        "version": pd.Series([None], dtype=object),
        "known": [True],
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_flavour(
        tmp_path, loader_module="a.loader", example=EXAMPLE, answer=ANSWER, requirements=["torch==2.13.0", "numpy==2"]
    )
    return tmp_path


def test_all_files_but_the_bundle_are_there(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "MLmodel",
        "answer.json",
        "input_example.json",
        "python_env.yaml",
        "requirements.txt",
    ]
    assert (folder / "requirements.txt").read_text() == "torch==2.13.0\nnumpy==2\n"
    environment = yaml.safe_load((folder / "python_env.yaml").read_text())
    assert environment["dependencies"] == ["-r requirements.txt"]
    assert environment["python"].startswith("3.")


def test_mlflow_knows_the_module_and_no_pickle(folder: Path) -> None:
    from mlflow.models import Model

    flavours = Model.load(str(folder)).flavors
    assert list(flavours) == ["python_function"]
    flavour = flavours["python_function"]
    assert flavour["loader_module"] == "a.loader"
    assert flavour["env"] == {"virtualenv": "python_env.yaml"}
    assert not {"python_model", "cloudpickle_version", "model_code_path", "artifacts"} & set(flavour)


def test_the_signature_says_columns_in_and_out_and_parameters(folder: Path) -> None:
    from mlflow.models import Model

    signature: Any = Model.load(str(folder)).signature
    columns = [(column.name, str(column.type), column.required) for column in signature.inputs.inputs]
    assert columns == [
        ("symbol", "DataType.string", True),
        ("timestamp", "Any", True),
        *((name, "DataType.double", True) for name in ("open", "high", "low", "close")),
        ("volume", "Any", False),
        ("asset_class", "DataType.string", False),
    ]
    out = {column.name: (column.type.name, column.required) for column in signature.outputs.inputs}
    assert out == {
        "symbol": ("string", True),
        "decided_at": ("datetime", True),
        "buy": ("double", True),
        "decision": ("string", True),
        "model": ("string", False),
        "version": ("long", False),
        "known": ("boolean", True),
    }
    assert [(param.name, param.default) for param in signature.params.params] == [
        ("all_rows", False),
        ("from_start", False),
        ("as_of", ""),
    ]


def test_example_and_answer_survive_to_the_bit(folder: Path) -> None:
    from mlflow.models import Model

    mlflows: Any = Model.load(str(folder)).load_input_example(str(folder))
    for read in (read_frame(folder / "input_example.json"), mlflows):
        for name in EXAMPLE.columns:
            expected = [None if pd.isna(value) else value for value in EXAMPLE[name]]
            assert [None if pd.isna(value) else value for value in read[name]] == expected
    answer = read_frame(folder / "answer.json")
    assert answer["buy"].tolist() == [1 / 3]
    assert answer["decided_at"].tolist() == ["2020-01-01T01:00:00+00:00"]
    assert json.loads((folder / "answer.json").read_text())["data"][0][-3:] == [None, None, True]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot be written to .*nowhere"):
        write_flavour(tmp_path / "nowhere", loader_module="a", example=EXAMPLE, answer=ANSWER, requirements=[])


def test_an_error_reaches_mlflow_with_its_text() -> None:
    from mlflow.exceptions import MlflowException

    error: Any = flavor_refusal(SampleError("AAPL: 3 bars"))
    assert str(error) == "AAPL: 3 bars"
    assert error.get_http_status_code() == 400
    assert isinstance(error, MlflowException)
