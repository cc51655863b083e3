"""A comparison of networks that cannot be stacked: said with its cost, trained one by one, resumed, never refused."""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from multisymbol.cli.specs import compare_spec, train_spec
from multisymbol.comparison import fit as arm_training
from multisymbol.comparison import surrogates as on_surrogates
from multisymbol.comparison.arms import FoldTask, Start, TrainedArm
from multisymbol.comparison.fit import train_apart
from multisymbol.comparison.run import RESULT, ComparisonRun, compare
from multisymbol.comparison.spec import CompareSpec
from multisymbol.config.build import plain
from multisymbol.config.trust import VARIABLE
from multisymbol.errors import ComparisonError
from multisymbol.learning.networks.mlp import Mlp
from multisymbol.learning.stacking import one_by_one
from multisymbol.progress import Terminal
from multisymbol.samples.dataset import prepare_folds
from multisymbol.training.fit import assess, fit_network
from multisymbol.training.result import DirectionResult
from tests.comparison.test_run import SMALL, composed

SHORT = (
    *(text for text in SMALL if not text.startswith("arms")),
    "source.end=2018-03-01",
    "split.test=60d",
    "split.count=1",
)
SGD = "optimizer._target_=torch.optim.SGD"


class Normed(Mlp):
    """The user's own: every bar is standardised by a batch norm before the layers."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.norm = nn.BatchNorm1d(given["shape"].features)

    def forward(self, x_BTF: torch.Tensor, symbol_slot_B: torch.Tensor, class_slot_B: torch.Tensor) -> torch.Tensor:
        normed_BTF = self.norm(x_BTF.flatten(0, 1)).view_as(x_BTF)
        return super().forward(normed_BTF, symbol_slot_B, class_slot_B)


class Blind(nn.Module):
    """The user's own, without symbol vectors."""

    def __init__(self, *, shape: Any, hidden: list[int], dropout: float, activation: str) -> None:
        super().__init__()
        self.output = nn.Linear(shape.features * shape.window, shape.classes)


@pytest.fixture(autouse=True)
def trust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "tests")


def values_of(folder: Path, *overrides: str, arms: str = "single") -> dict[str, Any]:
    return plain(composed(*SHORT, f"arms=[universal,{arms},prior]", *overrides, f"paths.outputs={folder}"))


def spec_of(folder: Path, *overrides: str, arms: str = "single") -> CompareSpec:
    return compare_spec(values_of(folder, *overrides, arms=arms))


def normed(folder: Path, *overrides: str, arms: str = "single") -> CompareSpec:
    return spec_of(folder, f"model._target_={__name__}.Normed", *overrides, arms=arms)


def done_in(spec: CompareSpec, folder: Path, *, silent: bool = True) -> ComparisonRun:
    return compare(spec, folder, terminal=Terminal(silent=silent))


def test_a_batch_norm_is_compared_and_the_cost_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = normed(tmp_path, "arms.head_only.epochs=1", arms="single,pooled,head_only")
    done = done_in(spec, tmp_path / "run", silent=False)
    # 2 seeds: 2 universal, 8 single, 2 pooled, 8 head_only; and 1 + 4 on one surrogate market
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "this network cannot be stacked (BatchNorm1d): 25 trainings one by one, about as fast on one core" in said
    assert {own.arm: own.budget.models for own in done.comparison.arms} == {
        "universal": 2,
        "single": 8,
        "pooled": 2,
        "head_only": 8,
        "prior": 0,
    }
    weights = torch.load(done.fold_folder(0) / "single.pt", weights_only=True)["SYN_D/2"]
    assert weights["norm.num_batches_tracked"] > 0
    assert not list(done.fold_folder(0).glob("*.ckpt*"))


def test_cores_that_lie_idle_are_counted_in_the_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = normed(tmp_path, "comparison.threads=3", SGD, "comparison.surrogates.kept=0")

    class Stop(Exception):  # noqa: N818 (nothing is wrong)
        pass

    def stop(*_: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        compare(spec, tmp_path / "run", terminal=Terminal(), announce=stop)
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "(BatchNorm1d, optimizer SGD): 10 trainings one by one, about 3 times slower" in said


def test_another_optimizer_forecasts_what_the_training_of_the_same_seed_does(tmp_path: Path) -> None:
    values = values_of(tmp_path, SGD, "comparison.surrogates.kept=0")
    done = done_in(compare_spec(values), tmp_path / "run")
    alone = train_spec({**values, "seed": 2})
    (fold,) = prepare_folds(alone.data, Terminal(silent=True))
    outcome = assess(*fit_network(alone.fit, fold, tmp_path / "alone"), alone.fit, fold)
    assert isinstance(outcome, DirectionResult)
    scored = done.scored["universal"][0]
    np.testing.assert_array_equal(scored.rows, outcome.test.positions)
    np.testing.assert_allclose(scored.prob[1], outcome.test.prob, atol=2e-4)


def test_a_network_that_can_be_stacked_forecasts_the_same_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(tmp_path, "comparison.surrogates.kept=0", arms="single,finetuned,adapter")
    stacked = done_in(spec, tmp_path / "stacked")
    monkeypatch.setattr(arm_training, "stack_problem", lambda *_: "asked for")
    alone = done_in(spec, tmp_path / "alone")
    assert stacked.comparison.declared == alone.comparison.declared
    for arm in ("universal", "single", "finetuned", "adapter"):
        one, other = stacked.scored[arm][0], alone.scored[arm][0]
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_allclose(one.prob, other.prob, atol=2e-4)
        assert [own.epochs for own in one.took] == [own.epochs for own in other.took]


def test_a_killed_one_comes_to_the_same_bytes_and_trains_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = normed(tmp_path)
    whole = (done_in(spec, tmp_path / "whole").folder / RESULT).read_bytes()
    before, left = one_by_one._Training.epoch, [13]  # 2 universal and 4 single networks of 2 epochs, half a fifth

    def counted(self: one_by_one._Training) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        before(self)

    monkeypatch.setattr(one_by_one._Training, "epoch", counted)
    with pytest.raises(KeyboardInterrupt):
        done_in(spec, tmp_path / "cut")
    assert len(list((tmp_path / "cut" / "folds" / "1" / "single.ckpts").iterdir())) == 5
    left[0] = 7 + 5 * 2  # the rest of the singles, and 5 networks on the surrogate market
    done_in(spec, tmp_path / "cut")
    assert left[0] == 0
    assert (tmp_path / "cut" / RESULT).read_bytes() == whole


def test_a_network_an_arm_cannot_build_is_refused_before_training_with_the_arm(tmp_path: Path) -> None:
    without = [f"~model.{key}" for key in ("embedding", "embedding_dim", "unknown_dropout")]
    spec = spec_of(tmp_path, f"model._target_={__name__}.Blind", *without, arms="single,pooled")
    with pytest.raises(ComparisonError, match="nothing was trained") as refused:
        done_in(spec, tmp_path / "run")
    assert re.search(r"arms\.pooled: .*unexpected keyword argument 'embedding'", str(refused.value))
    assert not (tmp_path / "run").exists()


def test_a_draw_travels_to_another_process(tmp_path: Path) -> None:
    spec = normed(tmp_path)
    (draw,) = on_surrogates._draws(spec, folds=(), compared=(), plan="", folder=tmp_path)
    there = pickle.loads(pickle.dumps(draw))  # as multiprocessing sends it
    assert there.fit.network.func is Normed
    assert there.data.period == spec.data.period
    assert isinstance(there.arms["single"], TrainedArm)


@pytest.mark.slow
def test_surrogate_markets_are_made_in_processes_of_their_own(tmp_path: Path) -> None:
    two = "comparison.surrogates.kept=2"
    here = done_in(normed(tmp_path, two), tmp_path / "here")
    there = done_in(normed(tmp_path, two, "comparison.surrogates.workers=2"), tmp_path / "there")
    assert here.comparison.declared == there.comparison.declared
    assert (here.folder / RESULT).read_bytes() == (there.folder / RESULT).read_bytes()


def test_running_statistics_continue_where_all_may_change_and_stay_where_little_may(tmp_path: Path) -> None:
    spec = normed(tmp_path, arms="single,finetuned,head_only")
    (fold,) = prepare_folds(spec.data, Terminal(silent=True))
    task = FoldTask(data=spec.data, fit=spec.fit, whole=fold, compared=(0,), seeds=(1,), budget=spec.budget)

    def weights(name: str, starts: dict[int, Start]) -> Start:
        arm = spec.arms[name]
        assert isinstance(arm, TrainedArm)
        return train_apart(arm, task, starts=starts, checkpoint=None, threads=1, progress=None)[1][0]

    start = weights("universal", {})
    tuned, head = (weights(name, {1: start}) for name in ("finetuned", "head_only"))
    assert tuned.keys() == head.keys() == start.keys()
    assert tuned["norm.num_batches_tracked"] > start["norm.num_batches_tracked"]
    assert torch.equal(head["norm.running_mean"], start["norm.running_mean"])
    assert torch.equal(head["norm.weight"], start["norm.weight"])
    assert not torch.equal(head["output.weight"], start["output.weight"])
