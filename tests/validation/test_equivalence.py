"""Comparison of the numbers of two commits: every difference is named, and a new name is no new value."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from validation.equivalence import compare, differences, main, outermost, weights_hash

BEFORE: dict[str, Any] = {
    "commit": "a" * 40,
    "machine": {"torch": "2.13.0"},
    "mlp": {
        "weights": {"model": "a2b5f2706bb2abfe"},
        "metrics": {"model": {"test/log_loss": 0.5, "test/mcc": "nan"}},
        "tables": {"predictions": {"rows": 3, "p_buy": "ad0f0c2bbf44f6a1"}},
    },
    "live": {"answers": {"AAPL": {"buy": 0.25, "reason": "the newest"}}},
}


def changed(path: str, value: object) -> dict[str, Any]:
    after = copy.deepcopy(BEFORE)
    node = after
    *parents, last = path.split("|")
    for key in parents:
        node = node[key]
    node[last] = value
    return after


def test_same_numbers_of_another_commit_are_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(BEFORE, changed("commit", "b" * 40)) == 0
    assert capsys.readouterr().out == (
        "7 numbers and hashes of 2 steps at aaaaaaa and bbbbbbb: 0 values differ, 0 words, 0 have another name\n"
    )


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("mlp|weights|model", "0" * 16, 'mlp.weights.model: "a2b5f2706bb2abfe" before, "0000000000000000" now'),
        (
            "mlp|metrics|model|test/log_loss",
            0.500001,
            "mlp.metrics.model.test/log_loss: 0.5 before, 0.500001 now (+2.0e-06 of it)",
        ),
        ("mlp|tables|predictions|p_sell", "ff", 'mlp.tables.predictions.p_sell: "ff" now, not there before'),
    ],
)
def test_every_other_value_is_a_line_and_status_1(
    capsys: pytest.CaptureFixture[str], path: str, value: object, line: str
) -> None:
    assert compare(BEFORE, changed(path, value)) == 1
    assert f"value   {line}" in capsys.readouterr().out.splitlines()


def test_other_words_and_other_names_are_told_apart_from_other_values(capsys: pytest.CaptureFixture[str]) -> None:
    after = changed("live|answers|AAPL|reason", "registered last")
    columns = after["mlp"]["tables"]["predictions"]
    columns["probability_buy"] = columns.pop("p_buy")
    assert compare(BEFORE, after) == 0
    printed = capsys.readouterr().out
    assert 'word    live.answers.AAPL.reason: "the newest" before, "registered last" now' in printed
    assert "name    mlp.tables.predictions.p_buy: is called probability_buy now, same value" in printed


def test_step_that_was_not_computed_again_is_no_proof(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(BEFORE, {key: value for key, value in BEFORE.items() if key != "live"}) == 1
    assert "value   live: not computed now" in capsys.readouterr().out


def test_another_machine_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    compare(BEFORE, changed("machine|torch", "2.14.0"))
    assert capsys.readouterr().out.startswith("note: torch was 2.13.0, is 2.14.0: last bits may differ for that alone")


def test_lists_of_other_length_differ_as_a_whole() -> None:
    assert [line for line, _ in differences([1], [1, 2], path="x")] == ["x: [1] before, [1, 2] now"]


def test_weights_are_hashed_by_name_shape_and_bits_alone(tmp_path: Path) -> None:
    first, second = torch.arange(4.0), torch.ones(2)
    save_file({"a": first, "b": second}, tmp_path / "one")
    save_file({"b": second, "a": first}, tmp_path / "other", metadata={"format": "pt"})
    save_file({"a": first.reshape(2, 2), "b": second}, tmp_path / "reshaped")
    save_file({"a": first, "b": second.nextafter(torch.tensor(2.0))}, tmp_path / "last_bit")
    hashes = {path.name: weights_hash(path) for path in tmp_path.iterdir()}
    assert hashes["one"] == hashes["other"]
    assert len(set(hashes.values())) == 3


def test_folder_of_a_child_run_is_no_run_of_its_own() -> None:
    assert outermost({Path("runs/a"), Path("runs/a/AAPL"), Path("runs/b")}) == {Path("runs/a"), Path("runs/b")}


def test_files_are_compared_without_computing(tmp_path: Path) -> None:
    (tmp_path / "before.json").write_text(json.dumps(BEFORE))
    (tmp_path / "after.json").write_text(json.dumps(changed("live|answers|AAPL|buy", 0.5)))
    before, after = f"against={tmp_path}/before.json", f"from={tmp_path}/after.json"
    assert main([after, before]) == 1
    assert main([before.replace("against", "from"), before]) == 0


def test_unknown_option_shows_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agianst=x.json"]) == 2
    assert "against=validation/equivalence_625966f.json" in capsys.readouterr().err
