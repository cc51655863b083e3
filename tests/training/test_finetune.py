"""mode=finetune: a symbol's own model that goes out from a stored universal one."""

from pathlib import Path

import pytest
import torch

from multisymbol.errors import ConfigError, SplitError, StoreError, SymbolError
from multisymbol.registry.bundle.format import Bundle, read_bundle
from multisymbol.training.finetune import INHERITED
from tests.conftest import Command, prepared_outputs, train_small

CUT = ("split.validation_from=2018-05-01", "split.test_from=2018-09-01")
TUNING = ("mode=finetune", "symbol=SYN_B", "from=newest", *CUT)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, store_template: Path) -> Path:
    """Outputs that hold a universal model of another window and network, which never saw SYN_B nor any crypto."""
    folder = prepared_outputs(tmp_path_factory.mktemp("parent"), store_template)
    without = "symbols.without=[SYN_B,SYN_F]"
    train_small(folder, *CUT, without, "window=6", "model.hidden=[8]", "model.embedding=symbol", name="parent")
    return folder


def tuned(outputs: Path, name: str, *overrides: str) -> tuple[Bundle, Bundle]:
    """Fine-tune; return the parent's bundle and the new one."""
    run_dir = train_small(outputs, *TUNING, *overrides, name=name)
    return read_bundle(outputs / "runs" / "parent" / "model" / "bundle"), read_bundle(run_dir / "model" / "bundle")


def test_a_new_symbol_gets_a_model_of_its_own_in_the_parents_form(outputs: Path) -> None:
    parent, own = tuned(outputs, "head")
    assert own.metadata["scope"] == "single"
    assert own.metadata["finetuned_from"]["name"] == "neuro_fuzzy.1h.universal"
    assert own.metadata["finetuned_from"]["version"] == 1
    assert own.metadata["finetuned_from"]["train_rows"] == own.symbols["symbols"]["SYN_B"]["train"] > 0
    assert own.config["from"] == "neuro_fuzzy.1h.universal/1"
    assert own.scaler.to_json() == parent.scaler.to_json()
    assert own.spec == parent.spec
    assert own.symbols["symbols"]["SYN_B"]["slot"] == 0
    assert own.symbols["symbols"]["SYN_B"]["class_slot"] == parent.metadata["asset_classes"]["stock"]
    for key in ("shape", "asset_classes", "window", "log_class_weights"):
        assert own.metadata[key] == parent.metadata[key], key
    for key in INHERITED:
        assert own.config[key] == parent.config[key], key
    changed = {name for name, tensor in own.weights.items() if not torch.equal(tensor, parent.weights[name])}
    assert changed == {"output.weight", "output.bias"}


@pytest.mark.parametrize("way", ["all", "adapter"])
def test_other_ways_change_more_and_keep_the_form(outputs: Path, way: str) -> None:
    parent, own = tuned(outputs, way, f"finetune={way}", "symbol=SYN_A")
    assert {name: tensor.shape for name, tensor in own.weights.items()} == {
        name: tensor.shape for name, tensor in parent.weights.items()
    }
    assert not torch.equal(own.weights["first.weight"], parent.weights["first.weight"])
    assert own.symbols["symbols"]["SYN_A"]["slot"] == parent.symbols["symbols"]["SYN_A"]["slot"] == 1


def test_without_instants_it_is_cut_where_the_parent_was(outputs: Path) -> None:
    parent, own = tuned(outputs, "cuts", "symbol=SYN_A", "split.validation_from=null", "split.test_from=null")
    assert own.symbols["symbols"]["SYN_A"]["test"] == parent.symbols["symbols"]["SYN_A"]["test"] > 0
    for key in ("validation_from", "test_from"):
        assert own.config["split"][key] == parent.metadata["spans"][key]


def test_what_the_parent_has_seen_counts_as_seen(outputs: Path) -> None:
    parent, own = tuned(outputs, "seen", "split.validation_from=2018-10-01", "split.test_from=2018-11-01")
    assert own.metadata["spans"]["train_until"] >= parent.metadata["spans"]["train_until"]
    with pytest.raises(
        SplitError, match=r"universal/1 was trained on data through 2018-\S+, but single cut tests from"
    ):
        tuned(outputs, "early", "split.validation_from=2017-06-01", "split.test_from=2017-09-01")


def test_mistakes_say_what_to_do(outputs: Path) -> None:
    wrong: list[tuple[type[Exception], str, tuple[str, ...]]] = [
        (ConfigError, "from=champion, from=NAME@alias or from=NAME/3", ("from=null",)),
        (StoreError, "neuro_fuzzy.1h.universal has no alias champion", ("from=champion",)),
        (StoreError, "there is no model other.1h.universal", ("from=other.1h.universal/2",)),
        (StoreError, "names no version; write NAME/3", ("from=champion@",)),
        (SymbolError, "SYN_F is of class crypto, .* was trained on forex, stock", ("symbol=SYN_F",)),
    ]
    for error, message, overrides in wrong:
        with pytest.raises(error, match=message):
            train_small(outputs, *TUNING, *overrides, name="wrong")


@pytest.mark.slow
def test_the_command_line_cannot_contradict_the_parent(outputs: Path, command: Command) -> None:
    done = command("scripts/train.py", f"paths.outputs={outputs}", *TUNING, "window=9", "model=gru")
    assert done.returncode == 2
    assert "window=9, model=gru: that is fixed by neuro_fuzzy.1h.universal/1" in done.stderr
