"""What MLflow wants beside a bundle so that it is a model of its own: loaded, served and predicted with by its tools.

    model/
      MLmodel               flavour python_function: which module loads it, columns in and out, parameters
      requirements.txt      pinned, as the model was made; python_env.yaml names Python's version
      input_example.json    raw bars, and
      answer.json           what the model said of them when it was stored
      bundle/               the model

No pickle: the loading module is named, and reads `bundle/`.
"""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from multisymbol.errors import MultisymbolError, OutputError

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

EXAMPLE = "input_example.json"
ANSWER = "answer.json"
_MODEL, _REQUIREMENTS, _PYTHON = "MLmodel", "requirements.txt", "python_env.yaml"

PARAMS = ("all_rows", "from_start")
"""Parameters of a prediction, false unless said."""
AS_OF = "as_of"
"""Parameter of a prediction: instant of the question as ISO text, empty for now."""


def write_flavour(
    folder: Path, *, loader_module: str, example: pd.DataFrame, answer: pd.DataFrame, requirements: Sequence[str]
) -> None:
    """Write the files of MLflow's python_function flavour beside `bundle/`.

    Nothing is guessed, loaded or inferred: MLflow takes 39 s to find out what a model requires.

    Args:
        folder: The stored model's folder.
        loader_module: Has `_load_pyfunc(path)`, which gets this folder.
        example: Raw bars as the model takes them, timestamps as ISO text with their zone.
        answer: What the model says of them; its columns become the signature's outputs.
        requirements: Pinned packages, such as `torch==2.13.0`.

    Raises:
        OutputError: The folder cannot be written.
    """
    from mlflow import pyfunc
    from mlflow.models import Model

    model: Any = Model(signature=_signature(answer))
    untyped: Any = pyfunc
    untyped.add_to_model(model, loader_module=loader_module, python_env=_PYTHON)
    model.saved_input_example_info = {"artifact_path": EXAMPLE, "type": "dataframe", "pandas_orient": "split"}
    texts = {
        _REQUIREMENTS: "\n".join(requirements) + "\n",
        _PYTHON: f"python: {platform.python_version()}\nbuild_dependencies: []\ndependencies:\n- -r {_REQUIREMENTS}\n",
        EXAMPLE: _json(example),
        ANSWER: _json(answer),
        _MODEL: model.to_yaml(),
    }
    try:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"the files of MLflow cannot be written to {folder}: {error.strerror or error}") from error


def read_frame(path: Path) -> pd.DataFrame:
    """Read a frame that `write_flavour` wrote; instants stay text, numbers are the same to the bit."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return pd.DataFrame(data["data"], columns=data["columns"])


def flavor_refusal(error: MultisymbolError) -> "MlflowException":
    """Put an error as MLflow passes it on: its text reaches whoever asked over HTTP, other errors become a riddle."""
    from mlflow.exceptions import MlflowException

    refused: MlflowException = MlflowException.invalid_parameter_value(str(error))
    return refused


def _signature(answer: pd.DataFrame) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec

    params = [ParamSpec(name, DataType.boolean, default=False) for name in PARAMS]
    params.append(ParamSpec(AS_OF, DataType.string, default=""))
    return ModelSignature(inputs=_inputs(), outputs=_outputs(answer), params=ParamSchema(params))


def _inputs() -> "Schema":
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    # MLflow's datetime takes no time zone, its double no whole numbers of 64 bits, as volumes are: both are examined
    # by the model itself.
    untyped: Any = AnyType
    anything = untyped()
    return Schema(
        [
            ColSpec(DataType.string, "symbol"),
            ColSpec(anything, "timestamp"),
            *(ColSpec(DataType.double, name) for name in ("open", "high", "low", "close")),
            ColSpec(anything, "volume", required=False),
            ColSpec(DataType.string, "asset_class", required=False),
        ]
    )


def _outputs(answer: pd.DataFrame) -> "Schema":
    from mlflow.types import ColSpec, DataType, Schema

    kinds = {"f": DataType.double, "b": DataType.boolean, "i": DataType.long, "M": DataType.datetime}
    # Name and version are absent where a model answers that is not registered.
    named = {"model": DataType.string, "version": DataType.long}
    return Schema(
        [
            ColSpec(
                named.get(name, kinds.get(answer[name].dtype.kind, DataType.string)), name, required=name not in named
            )
            for name in answer.columns
        ]
    )


def _json(frame: pd.DataFrame) -> str:
    data = [[_plain(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    return json.dumps({"columns": list(frame.columns), "data": data}, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return None if pd.isna(value) else value
