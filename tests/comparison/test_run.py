"""A comparison: declared before training, matched, resumable, refused where it could not be trusted."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from multisymbol.cli.schema import COMPARE_SCHEMA as SCHEMA
from multisymbol.cli.schema import config_problems
from multisymbol.cli.specs import compare_spec, train_spec
from multisymbol.comparison import fit as arm_training
from multisymbol.comparison.assemble import KNOWN_ARMS
from multisymbol.comparison.fit import weights_of
from multisymbol.comparison.preregistration import PLAN, preregister
from multisymbol.comparison.result import Comparison, Preregistration, to_json
from multisymbol.comparison.run import RESULT, ComparisonRun, compare
from multisymbol.comparison.scores import ArmScores, fold_scores, joined
from multisymbol.comparison.spec import CompareSpec
from multisymbol.config.build import build, plain
from multisymbol.errors import ComparisonError
from multisymbol.progress import Terminal
from multisymbol.registry.bundle.format import Bundle
from multisymbol.samples.dataset import prepare_folds
from multisymbol.samples.views import tuned_view
from multisymbol.statistics import Effects, compare_losses
from multisymbol.training.fit import assess, fit_network, fold_loss
from multisymbol.training.result import DirectionResult
from tests.composing import composed_page
from tests.conftest import ROOT
from tests.statistics.test_losses import flat

ARMS = ("universal", "single", "pooled", "finetuned", "head_only", "adapter", "zero_shot", "prior", "rule")
SMALL = (
    "comparison=quick",
    f"arms=[{','.join(ARMS)}]",
    "arms.zero_shot.groups=2",
    "arms.finetuned.epochs=1",
    "arms.head_only.epochs=1",
    "arms.adapter.epochs=1",
    "arms.adapter.change.rank=1",
    "symbols.only=[SYN_A,SYN_B,SYN_D,SYN_E]",
    "source.start=2016-06-01",
    "source.signal=0.12",
    "source.end=2018-09-01",
    "labels=horizon",
    "split.train=365d",
    "split.validation=90d",
    "split.test=120d",
    "split.count=2",
    "stride=4",
    "window=3",
    "model.hidden=[4]",
    "batch_size=256",
    "trainer.max_epochs=2",
    "comparison.seeds=[1,2]",
    "comparison.draws=100",
    "comparison.aa_draws=100",
    "comparison.surrogates.kept=1",
    "comparison.surrogates.workers=1",
    "comparison.threads=1",
)


def composed(*overrides: str) -> Any:
    return composed_page("compare", *overrides)


def values_in(folder: Path, *overrides: str) -> dict[str, Any]:
    return plain(composed(*SMALL, *overrides, f"paths.outputs={folder}"))


def spec_in(folder: Path, *overrides: str) -> CompareSpec:
    return compare_spec(values_in(folder, *overrides))


def done_in(spec: CompareSpec, run_dir: Path) -> ComparisonRun:
    return compare(spec, run_dir, terminal=Terminal(silent=True), name="tested")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def run_dir(folder: Path) -> Path:
    return folder / "run"


@pytest.fixture(scope="module")
def done(folder: Path, run_dir: Path) -> ComparisonRun:
    return done_in(spec_in(folder), run_dir)


@pytest.fixture(scope="module")
def comparison(done: ComparisonRun) -> Comparison:
    return done.comparison


def test_every_arm_is_scored_on_the_same_rows_and_described(comparison: Comparison) -> None:
    assert tuple(own.arm for own in comparison.arms) == ARMS
    assert comparison.any_better < 0.05  # not NaN: it was tested, and arms with more samples are better here
    assert all(own.symbols == ("SYN_A", "SYN_B", "SYN_D", "SYN_E") for own in comparison.arms)
    models = {own.arm: own.budget.models for own in comparison.arms}
    assert models == {
        "universal": 4,  # 2 seeds, 2 folds
        "single": 16,  # and 4 symbols
        "pooled": 4,
        "finetuned": 16,
        "head_only": 16,
        "adapter": 16,
        "zero_shot": 8,  # and 2 groups
        "prior": 0,
        "rule": 0,
    }


def scores_of(done: ComparisonRun, arm: str) -> ArmScores:
    folds = zip(done.scored[arm], done.tasks, strict=True)
    return joined([fold_scores(arm, own, task, number=number) for number, (own, task) in enumerate(folds)])


def drawn_effects(done: ComparisonRun) -> list[Effects]:
    stored = [json.loads(file.read_text()) for file in sorted((done.folder / "surrogates").glob("kept-*.json"))]
    return [
        Effects(symbols=tuple(own["symbols"]), overall=np.array(own["overall"]), by_symbol=np.array(own["by_symbol"]))
        for own in (draw["overall"] for draw in stored)
    ]


def test_its_losses_alone_give_the_same_result_through_compare_losses(
    done: ComparisonRun, comparison: Comparison
) -> None:
    losses = {arm: scores_of(done, arm).losses("overall") for arm in ("universal", "single", "prior")}
    rows, declared = losses["universal"].rows, comparison.declared
    verdict = compare_losses(
        {arm: own.loss for arm, own in losses.items()},
        timestamps=rows.decided_at,
        symbols=np.array(rows.symbols)[rows.symbol],
        seeds=rows.seed,
        baseline="prior",
        resolved_at=rows.resolved_at,
        smallest_effect=declared.smallest,
        surrogates={"drift kept": drawn_effects(done)},
        classes={own.symbol: own.asset_class for own in comparison.symbols},
        loss_name="log-loss",
        unit="nats",
        draws=100,
        aa_draws=100,
    )
    expected = comparison.results["overall"]
    found, wanted = (
        {path: repr(value) for path, value in flat(result) if "terms" not in path and "sentence" not in path}
        for result in (verdict.result, expected)
    )
    assert found == wanted
    assert verdict.sentence[:60] == expected.verdict.sentence[:60]


def test_the_two_arms_see_the_same_number_of_samples_an_epoch(comparison: Comparison) -> None:
    assert comparison.arm("universal").budget.train_rows == pytest.approx(
        comparison.arm("single").budget.train_rows, rel=0.2
    )


def test_effects_of_groups_come_from_the_primary_one(comparison: Comparison) -> None:
    weights = np.array([own.instants for own in comparison.folds])
    effects = np.array([own.effect for own in comparison.folds])
    assert weights @ effects / weights.sum() == pytest.approx(comparison.primary.differentials.effect)
    assert {own.group for own in comparison.classes} == {"forex", "stock"}


def test_gain_of_an_arm_is_its_mean_loss_less_the_priors(comparison: Comparison) -> None:
    prior = comparison.arm("prior").log_loss
    for own in comparison.arms:
        assert own.gain == pytest.approx(prior - own.log_loss)
        assert own.log_loss == pytest.approx(own.activity + own.direction)


def test_arms_that_go_out_from_the_universal_one_change_what_they_say(done: ComparisonRun) -> None:
    def weights(arm: str) -> dict[str, dict[str, torch.Tensor]]:
        stored: dict[str, dict[str, torch.Tensor]] = torch.load(done.fold_folder(1) / f"{arm}.pt", weights_only=True)
        return stored

    universal = weights("universal")
    ranks: dict[str, set[int]] = {}
    for arm in ("finetuned", "head_only", "adapter"):
        for name, own in weights(arm).items():
            before = universal[f"all/{name.rpartition('/')[2]}"]
            assert own.keys() == before.keys()
            changes = {key: (own[key] - before[key]).flatten(1 if own[key].dim() > 1 else 0) for key in own}
            found = {key for key, change in changes.items() if change.abs().max() > 0}
            expected = {
                "finetuned": set(own),
                "head_only": {"output.weight", "output.bias"},
                "adapter": {"first.weight", "output.weight", "output.bias"},
            }
            assert found == expected[arm]
            ranks.setdefault(arm, set()).add(int(torch.linalg.matrix_rank(changes["first.weight"], tol=1e-6)))
    assert ranks["adapter"] == {1}
    assert max(ranks["finetuned"]) > 1


@pytest.mark.parametrize("name", ["finetuned", "head_only", "adapter"])
def test_an_arm_fine_tunes_as_the_mode_of_that_name_does(name: str, done: ComparisonRun, tmp_path: Path) -> None:
    task, folder = done.tasks[-1], done.fold_folder(len(done.tasks) - 1)
    arm = build(plain(composed(*SMALL))["arms"][name], role="arm")
    fit = replace(arm.fit(task.fit), seed=2, finetune=arm.change)
    bundle = SimpleNamespace(
        weights=weights_of(folder, "universal", [2])[2],
        metadata={
            "shape": {"features": task.whole.features.shape[1], "symbols": 4, "asset_classes": 2},
            "log_class_weights": fold_loss(fit, task.whole).log_weights.tolist(),
        },
    )
    dataset = tuned_view(task.data, task.whole, 3)
    module, _ = fit_network(fit, dataset, tmp_path, parent=cast(Bundle, bundle))
    stored = torch.load(folder / f"{name}.pt", weights_only=True)["SYN_E/2"]
    for key, own in module.network.state_dict().items():
        torch.testing.assert_close(stored[key], own, rtol=2e-5, atol=2e-5)


def test_universal_arm_forecasts_what_the_training_of_the_same_seed_does(done: ComparisonRun, folder: Path) -> None:
    spec = train_spec({**values_in(folder), "seed": 2})
    last = prepare_folds(spec.data, Terminal(silent=True))[-1]
    outcome = assess(*fit_network(spec.fit, last, folder / "alone"), spec.fit, last)
    assert isinstance(outcome, DirectionResult)
    scored = done.scored["universal"][-1]
    np.testing.assert_array_equal(scored.rows, outcome.test.positions)
    np.testing.assert_allclose(scored.prob[1], outcome.test.prob, atol=2e-4)


def test_plan_is_written_down_before_anything_is_trained(tmp_path: Path) -> None:
    seen: list[tuple[Preregistration, bool, bool]] = []

    class Stop(Exception):  # noqa: N818
        pass

    def announce(declared: Preregistration) -> None:
        seen.append((declared, (tmp_path / "run" / PLAN).exists(), (tmp_path / "run" / "folds").exists()))
        raise Stop

    with pytest.raises(Stop):
        compare(spec_in(tmp_path), tmp_path / "run", terminal=Terminal(silent=True), announce=announce)
    ((declared, written, trained),) = seen
    assert written
    assert not trained
    assert json.loads((tmp_path / "run" / PLAN).read_text())["digest"] == declared.digest


def test_repeated_report_trains_nothing_and_is_the_same_to_the_byte(
    done: ComparisonRun, folder: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (run_dir / RESULT).read_bytes()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be trained again")

    monkeypatch.setattr(arm_training, "fit_stack", refuse)
    again = done_in(spec_in(folder), run_dir)
    assert to_json(again.comparison).encode() == before == (run_dir / RESULT).read_bytes()
    del done


def test_metric_chosen_after_training_is_refused(done: ComparisonRun, folder: Path, run_dir: Path) -> None:
    with pytest.raises(ComparisonError, match="chosen after training") as refused:
        done_in(spec_in(folder, "comparison.primary=direction"), run_dir)
    assert "comparison.primary: 'overall' declared, 'direction' now" in str(refused.value)
    del done


def test_cores_are_no_part_of_the_plan(done: ComparisonRun, folder: Path, run_dir: Path) -> None:
    assert done_in(spec_in(folder, "comparison.threads=2"), run_dir).comparison.declared == done.comparison.declared


def test_lost_result_of_an_arm_is_made_again_to_the_byte(done: ComparisonRun, folder: Path, run_dir: Path) -> None:
    before = (run_dir / RESULT).read_bytes()
    (run_dir / "folds" / "2" / "single.npz").unlink()
    (run_dir / "surrogates" / "kept-1.json").unlink()
    done_in(spec_in(folder), run_dir)
    assert (run_dir / RESULT).read_bytes() == before
    del done


def test_nothing_but_effects_stays_of_a_surrogate_market(done: ComparisonRun, run_dir: Path) -> None:
    assert [path.name for path in (run_dir / "surrogates").iterdir()] == ["kept-1.json"]
    assert [band.draws for band in done.comparison.nulls] == [1]


def test_two_seeds_no_surrogates_and_missing_arms_are_refused_together(tmp_path: Path) -> None:
    spec = spec_in(tmp_path, "comparison.exploratory=false")
    few = replace(spec, arms={name: spec.arms[name] for name in ("universal", "rule")})
    with pytest.raises(ComparisonError, match="nothing was trained") as refused:
        done_in(few, tmp_path / "run")
    assert "arms: single, prior missing" in str(refused.value)
    assert "2 seeds cannot tell" in str(refused.value)
    assert "1 surrogate draws are too few" in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_fold_too_short_for_its_labels_is_refused(tmp_path: Path) -> None:
    spec = spec_in(tmp_path, "split.test=8d", "labels.bars=60")
    with pytest.raises(ComparisonError, match=r"fold 1 of 2: .* test instants are too few for labels that overlap"):
        done_in(spec, tmp_path / "run")


def test_folds_that_test_a_row_twice_are_refused_before_training(done: ComparisonRun, folder: Path) -> None:
    spec = spec_in(folder)
    first, second = done.tasks
    with pytest.raises(ComparisonError, match=rf"{len(second.rows):,} rows would be tested in more folds than one"):
        preregister(spec, [first, second, second], name="")


def test_forecasts_of_other_rows_are_refused(done: ComparisonRun, folder: Path, run_dir: Path) -> None:
    file = run_dir / "folds" / "1" / "pooled.npz"
    whole = file.read_bytes()
    scored = done.scored["pooled"][0]
    arm_training._write(file, replace(scored, rows=scored.rows + 10**6))
    try:
        with pytest.raises(ComparisonError, match="other rows or seeds"):
            done_in(spec_in(folder), run_dir)
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("comparison=quick",),
        (f"arms=[{','.join(ARMS)}]",),
        *((f"experiment={name}", "source.root=bars") for name in ("universal_vs_single", "universal_vs_single_large")),
        ("experiment=universal_vs_single_daily", "source.root=bars"),
    ],
    ids=str,
)
def test_configuration_passes_the_check(overrides: tuple[str, ...]) -> None:
    config = composed(*overrides)
    assert config_problems(config, schema=SCHEMA) == []
    values = plain(config)
    assert all(build(node, role="arm").description for node in values["arms"].values())


def test_a_symbol_is_not_scored_unseen_where_no_other_of_its_class_trains(done: ComparisonRun, folder: Path) -> None:
    arm, task = build(values_in(folder)["arms"]["zero_shot"], role="arm"), done.tasks[0]
    first, *others = task.whole.parts.counts
    assert first.symbol == "SYN_A"
    parts = replace(task.whole.parts, counts=(replace(first, train=0, role="unseen"), *others))
    for whole, names in (
        (task.whole, {"SYN_A", "SYN_B", "SYN_D", "SYN_E"}),
        (replace(task.whole, parts=parts), {"SYN_A", "SYN_D", "SYN_E"}),
    ):
        scored = [index for _, _, left_out in arm.unseen(replace(task, whole=whole)) for index in left_out]
        assert {whole.ledger.symbols[index] for index in scored} == names


@pytest.mark.slow
def test_symbols_that_begin_at_different_times_are_compared_unseen_as_soon_as_they_can_be(tmp_path: Path) -> None:
    overrides = (
        "arms=[universal,single,prior,zero_shot]",
        "source=synthetic",
        "++symbols.members={AAPL:{asset_class:stock},MSFT:{asset_class:stock},"
        "EURUSD:{asset_class:forex},USDJPY:{asset_class:forex}}",
        "symbols.only=[AAPL,MSFT,EURUSD,USDJPY]",  # their starts fit this test
        "source.signal=0.12",
        "source.prices=null",
        "source.start=2014-01-01",
        "source.end=2018-01-01",
        "source.seed=1",
        "source.ragged=true",
        "split.train=200d",
        "split.validation=60d",
        "split.test=180d",
        "split.count=4",
        "comparison.surrogates.kept=0",
        "comparison.seeds=[1]",
        "trainer.max_epochs=1",
    )
    small = [text for text in SMALL if not text.startswith(("arms", "split", "source", "symbols"))]
    values = plain(composed_page("compare", *small, *overrides, f"paths.outputs={tmp_path}"))
    done = done_in(compare_spec(values), tmp_path / "run")
    assert [count.train for count in done.tasks[0].whole.parts.counts[:2]] == [0, 657]
    said = "MSFT without having been seen, in fold 1 of 4: no other symbol of its asset class trains there"
    assert said in [f"{own.what}: {own.why}" for own in done.comparison.not_run]
    assert done.comparison.arm("zero_shot").symbols == ("AAPL", "MSFT", "EURUSD", "USDJPY")
    assert set(done.comparison.unseen) == {"forex", "stock"}


def test_every_arm_there_is_is_known_and_tested(comparison: Comparison) -> None:
    there = {file.stem for file in (ROOT / "conf" / "arms").glob("*.yaml")}
    assert there == set(ARMS) == set(KNOWN_ARMS)
    assert not [own.what for own in comparison.not_run if own.what.startswith("arm ")]
