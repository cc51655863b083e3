"""A stored model with every file one may have, as the project writes it."""

from pathlib import Path
from typing import Any

from multisymbol.registry.bundle.format import write_bundle
from tests.registry.conftest import tiny_bundle

SPANS = {
    "train_from": "1970-01-01T00:00Z",
    "train_until": "2018-06-01T00:00Z",
    "test_from": "2018-12-01T00:00Z",
    "test_until": "2020-05-29T00:00Z",
}
METADATA: dict[str, Any] = {
    **tiny_bundle().metadata,
    "label": "ZigZag(threshold=0.02)",
    "spans": SPANS,
    "data_digest": "d1",
    "git_commit": "c0ffee",
    "finetuned_from": None,
    "test": {"test_log_loss": 0.981, "test_no_skill_log_loss": 0.993, "test_mcc": None},
    "test_by_symbol": {"GC=F": {"test_log_loss": 0.9, "test_mcc": None}},
    "bars": {"GC=F": "f" * 64},
}
SYMBOLS = {
    "scope": "universal",
    "timeframe": "1h",
    "symbols": {
        "GC=F": {"slot": 1, "asset_class": "metal", "train": 600},
        "AAPL": {"slot": 2, "asset_class": "stock", "train": 400},
        "MSFT": {"slot": 0, "asset_class": "stock", "train": 0},
    },
}
ML_MODEL = """
flavors:
  python_function:
    env: {virtualenv: python_env.yaml}
    loader_module: multisymbol.serving
    python_version: 3.11.2
mlflow_version: 3.17.2
saved_input_example_info: {artifact_path: input_example.json, pandas_orient: split, type: dataframe}
"""
PAGE = '<!doctype html><html><head><style>a{color:red}</style></head><body><a href="#1">1</a></body></html>'


def model_at(folder: Path, **changes: Any) -> Path:
    """Write a model as the project does, with all the files one may have."""
    write_bundle(tiny_bundle(**{"metadata": METADATA, "symbols": SYMBOLS, **changes}), folder / "bundle")
    texts = {
        "MLmodel": ML_MODEL,
        "requirements.txt": "torch==2.9.0\nmultisymbol==0.1.0\n",
        "python_env.yaml": "python: 3.11.2\nbuild_dependencies: []\ndependencies:\n- -r requirements.txt\n",
        "input_example.json": '{"columns": ["open"], "data": [[1.5]]}',
        "card.html": PAGE,
        "card.md": "# neuro",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
