"""A registered model behind `mlflow models serve`: raw bars over HTTP, the panel's probabilities back, to the bit."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from multisymbol.registry.store.store import Store, VersionTags
from tests.serving.stored import SYMBOLS, World, store, world

pytestmark = pytest.mark.slow

NAME = "neuro.1h.universal"
PATIENCE = 180.0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> dict[str, str]:
    """Register the model twice; return the environment in which MLflow finds its store."""
    outputs = tmp_path_factory.mktemp("outputs")
    (outputs / "mlflow.db").write_bytes(store_template.read_bytes())
    uri = f"sqlite:///{outputs}/mlflow.db"
    kept = Store(uri=uri, artifact_root=str(outputs / "artifacts"), mlflow_experiment="served")
    kept.prepare()
    folder = store(world(), outputs / "model")
    for _ in range(2):
        run = kept.open_run(None, tags={})
        kept.register(run, folder, name=NAME, tags=tags(), scores=[], pooled={})
        run.finish()
    return {
        **os.environ,
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_REGISTRY_URI": uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def tags() -> VersionTags:
    return VersionTags(
        strategy="neuro",
        scope="universal",
        timeframe="1h",
        asset_classes=("stock",),
        symbols=SYMBOLS,
        feature_digest=world().bundle.spec.digest,
        label="zigzag",
        train_from=0,
        train_until=1,
        test_from=2,
        test_until=3,
        data_digest="d",
        git_commit="c0ffee",
        rows=1,
        test_log_loss=None,
        no_skill=None,
        parent=None,
    )


@pytest.fixture(scope="module")
def address(environment: Mapping[str, str]) -> Iterator[str]:
    """Serve version 2 on a free port while the tests run."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{NAME}/2"]
    with started([*command, "--env-manager", "local", "--port", str(port), "--workers", "1"], environment) as server:
        address = f"http://127.0.0.1:{port}"
        await_answer(f"{address}/ping", server)
        yield address


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def started(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server; end it and all it started, whatever happens."""
    with subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as server:
        try:
            yield server
        finally:
            end(server)


def end(server: "subprocess.Popen[bytes]") -> None:
    import signal

    for signalled in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, signalled)
            server.wait(timeout=20)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def await_answer(url: str, server: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(url)


def payload(frame: pd.DataFrame, **params: bool) -> bytes:
    """Write rows as JSON, every float with all its digits (pandas' own writer keeps ten)."""
    texts = frame.assign(timestamp=frame["timestamp"].map(lambda stamp: stamp.isoformat()))
    data = [[None if pd.isna(value) else value for value in row] for row in texts.itertuples(index=False, name=None)]
    return json.dumps({"dataframe_split": {"columns": list(texts.columns), "data": data}, "params": params}).encode()


def ask(address: str, body: bytes) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"{address}/invocations", data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        predictions: list[dict[str, Any]] = json.load(answer)["predictions"]
    return predictions


def expected_answers(made: World) -> dict[tuple[str, int], tuple[float, ...]]:
    """What evaluation says of the panel's rows."""
    ledger, prob = made.prepared.ledger, made.answers().prob
    keys = zip(ledger.symbol.tolist(), ledger.decided_at.tolist(), strict=True)
    return {(ledger.symbols[symbol], at): tuple(row) for (symbol, at), row in zip(keys, prob.tolist(), strict=True)}


def test_raw_bars_over_http_get_the_panels_probabilities_to_the_bit(address: str) -> None:
    made = world()
    expected = expected_answers(made)
    # A month before the end, where all labels are known.
    histories = [made.rows(symbol, slice(None, -200)) for symbol in SYMBOLS]
    newest = [
        rows.tail(made.model.history_bars(made.model.config_of(symbol)))
        for symbol, rows in zip(SYMBOLS, histories, strict=True)
    ]
    answers = ask(address, payload(pd.concat(newest)))
    assert [answer["symbol"] for answer in answers] == list(SYMBOLS)
    for answer in answers:
        at = pd.Timestamp(answer["decided_at"]).as_unit("ns").value
        assert (answer["buy"], answer["hold"], answer["sell"]) == expected[answer["symbol"], at]
        assert (answer["model"], answer["version"], answer["known"]) == (NAME, 2, True)


def test_all_rows_over_http_are_the_panels(address: str) -> None:
    made = world()
    expected = expected_answers(made)
    answers = ask(address, payload(made.rows("SYN_A"), all_rows=True, from_start=True))
    found = {
        (answer["symbol"], pd.Timestamp(answer["decided_at"]).as_unit("ns").value): tuple(
            answer[name] for name in ("buy", "hold", "sell")
        )
        for answer in answers
    }
    mine = {key: prob for key, prob in expected.items() if key[0] == "SYN_A"}
    assert len(mine) > 300
    assert {key: found[key] for key in mine} == mine


def test_an_unknown_symbol_is_answered_as_its_class(address: str) -> None:
    made = world()
    (answer,) = ask(address, payload(made.rows("SYN_A").assign(symbol="XOM", asset_class="stock")))
    assert (answer["symbol"], answer["known"]) == ("XOM", False)


def test_what_is_wrong_with_the_rows_is_said_over_http(address: str) -> None:
    rows = world().rows("SYN_A")
    rows.loc[3, "high"] = 0.0
    for frame, message in ((rows, "high is not positive   row 3"), (rows.iloc[10:30], "SYN_A: 20 bars of 1h given")):
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(address, payload(frame))
        assert caught.value.code == 400
        assert message in json.load(caught.value)["message"]


def test_mlflow_predicts_from_a_file(environment: Mapping[str, str], tmp_path: Path) -> None:
    made = world()
    rows = made.rows("SYN_D", slice(None, -200))
    (tmp_path / "bars.json").write_bytes(payload(rows))
    command = [sys.executable, "-m", "mlflow", "models", "predict", "-m", f"models:/{NAME}/1", "--env-manager", "local"]
    files = ["-i", str(tmp_path / "bars.json"), "-o", str(tmp_path / "answer.json")]
    ended = subprocess.run([*command, *files], env=dict(environment), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    (answer,) = json.loads((tmp_path / "answer.json").read_text())["predictions"]
    at = pd.Timestamp(answer["decided_at"]).as_unit("ns").value
    assert (answer["buy"], answer["hold"], answer["sell"]) == expected_answers(made)["SYN_D", at]
    assert (answer["model"], answer["version"]) == (NAME, 1)
