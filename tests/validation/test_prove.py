"""The proof, small: the worlds that decide whether anything else can be believed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from validation import leaks, mechanics, planted_signal, trading
from validation import no_signal as nothing
from validation.bench import Bench, Proved
from validation.comparing import through_compare
from validation.planted_arms import SYMBOLS, Training, fold_task, market, plan, scratch, shared
from validation.proof import WORLDS, World, page, prove

from multisymbol.comparison.fit import FoldForecasts
from multisymbol.comparison.scores import fold_scores
from multisymbol.config.build import plain
from multisymbol.errors import ConfigError, LabelError
from multisymbol.samples.fold import TRAIN
from multisymbol.statistics.compare import ComparisonResult
from multisymbol.statistics.verdict import Kind
from tests.composing import composed_page
from tests.conftest import Command


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    """What validation/conf/prove.yaml says."""
    return plain(composed_page("prove"))


@pytest.fixture
def bench(values: dict[str, Any]) -> Bench:
    return Bench(
        values=values,
        seed=1,
        repeats=1,
        draws=20,
        training=Training(),
        say=lambda what, done, total: None,
    )


# --- The table -------------------------------------------------------------------------------------------------------


def settings(values: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        **values,
        "worlds": None,
        "repeats": 1,
        "surrogates": 20,
        "first_seed": 1,
        "workers": 1,
        "out": None,
        **changes,
    }


def test_there_are_sixteen_worlds_and_each_says_what_must_happen() -> None:
    assert list(WORLDS) == list(range(1, 17))
    assert all(len(world.rule) > 10 for world in WORLDS.values())


@pytest.mark.parametrize("worlds", [[17], [0, 1], []])
def test_worlds_that_do_not_exist_are_refused(values: dict[str, Any], worlds: list[int]) -> None:
    with pytest.raises(ConfigError, match="there are 1 to 16"):
        prove(settings(values, worlds=worlds))


def test_a_world_that_fails_or_cannot_be_run_is_reported_as_failed(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(bench: Bench) -> Proved:
        raise LabelError("no BUY")

    monkeypatch.setitem(WORLDS, 1, World(title="good", rule="must", proof=lambda bench: done(passed=True)))
    monkeypatch.setitem(WORLDS, 2, World(title="bad", rule="must", proof=lambda bench: done(passed=False)))
    monkeypatch.setitem(WORLDS, 3, World(title="broken", rule="must", proof=broken))
    out = tmp_path / "proof.md"
    lines = prove(settings(values, worlds=[1, 2, 3], out=str(out)))
    assert [line.passed for line in lines] == [True, False, False]
    assert lines[0].seeds == "1-4"
    assert lines[2].measured == "not run to its end: no BUY"
    text = out.read_text(encoding="utf-8")
    assert "python validation/prove.py worlds=[1,2,3] repeats=1 out=docs/proof.md" in text
    assert "1 of 3 passed" in text or "| NO |" in text
    assert str(tmp_path) not in text
    assert page(lines, settings(values)).startswith("# Known-truth markets")


def done(*, passed: bool) -> Proved:
    return Proved(passed=passed, measured="numbers", seeds=range(1, 5))


@pytest.mark.slow
def test_the_command_says_what_it_saw_and_its_exit_status_whether_all_passed(command: Command, tmp_path: Path) -> None:
    found = command("validation/prove.py", "worlds=[16]", f"paths.outputs={tmp_path}")
    assert found.returncode == 0
    assert "16 passed  registry drill" in found.stdout
    wrong = command("validation/prove.py", "worlds=[17]", f"paths.outputs={tmp_path}")
    assert wrong.returncode == 2
    assert "there is no world 17" in wrong.stderr


# --- What rules rest on ----------------------------------------------------------------------------------------------


def test_so_many_of_eight_markets_may_fail_by_chance() -> None:
    assert mechanics.most_by_chance(8, share=0.0455) == 1
    assert mechanics.most_by_chance(8, share=0.1) == 2


def test_the_flip_is_where_the_mean_gain_is_zero() -> None:
    gains = 0.01 * (0.8 - np.array(planted_signal.MULTIPLES))
    assert planted_signal.flip(np.array([gains + 0.003, gains - 0.003])) == pytest.approx(0.8)


def test_the_same_networks_are_tested_over_a_tenth_of_the_train_span_and_over_all_of_it(values: dict[str, Any]) -> None:
    with scratch() as cache:
        bars = market(values, seed=1, cache=cache, symbols=SYMBOLS[:2], bars=800)
        task = fold_task(bars, training=Training(), seeds=range(6))
    prob = np.random.default_rng(1).dirichlet(np.ones(3), size=(6, len(task.rows)))
    six = fold_scores("six", FoldForecasts(rows=task.rows, prob=prob, took=()), task, number=0)
    train = len(np.unique(task.whole.ledger.decided_at[task.whole.parts.positions(TRAIN)]))
    near, far = (nothing.tested(task, six, share=share) for share in (nothing.NEAR, None))
    assert near.primary.freedom == round(0.1 * train) - 1
    assert near.length == pytest.approx(0.1, abs=0.5 / train)
    assert far.length == pytest.approx(0.35 / (1 - 0.35 - 0.15), abs=0.01)
    assert far.primary.freedom == round(far.length * train) - 1
    turned = nothing.tested(task, replace(six, prob=prob[::-1]), share=None)
    assert turned.primary.mean == pytest.approx(-far.primary.mean)


# --- The quick worlds ------------------------------------------------------------------------------------------------


def verdict(bench: Bench, *, effects: dict[str, float]) -> ComparisonResult:
    return planted_signal.judged(bench, effects=effects, seed=1, lazy=not effects)


def kind_of(found: ComparisonResult) -> Kind:
    return found.verdict.kind


@pytest.mark.slow
def test_a_shared_signal_is_universal_better(bench: Bench) -> None:
    found = verdict(bench, effects=shared(0.2))
    assert kind_of(found) == "UNIVERSAL_BETTER"
    assert found.primary.p < 0.01
    assert set(found.evidence.skilled) >= {"universal"}


@pytest.mark.slow
def test_opposite_signs_are_single_better_and_partial_pooling_recovers(bench: Bench) -> None:
    found = planted_signal.opposite_signs(bench)
    assert found.passed, found.measured
    assert found.measured.startswith("SINGLE_BETTER 1/1 (20 retrained surrogates each), universal skilled 0/1")
    assert "through compare: SINGLE_BETTER" in found.measured


@pytest.mark.slow
def test_no_signal_is_no_skill(bench: Bench) -> None:
    found = nothing.no_signal(replace(bench, repeats=3))
    assert found.passed, found.measured


@pytest.mark.slow
def test_the_same_arm_differs_from_itself_no_more_often_than_chance_allows(bench: Bench) -> None:
    found = nothing.same_arm(replace(bench, repeats=10))
    assert found.passed, found.measured


@pytest.mark.slow
def test_zigzag_on_a_martingale_is_about_three_in_four_right_and_no_skill(bench: Bench) -> None:
    found = mechanics.legs_of_a_martingale(bench)
    assert "NO_SKILL 1/1; through compare: NO_SKILL" in found.measured
    accuracy = float(found.measured.split()[1])
    assert accuracy == pytest.approx(0.75, abs=0.06)  # of one market; the world's rule is for the mean of twenty


@pytest.mark.slow
def test_a_shared_signal_is_universal_better_through_compare(bench: Bench) -> None:
    few = SYMBOLS[:3]
    with scratch() as folder:
        values = market(bench.values, seed=1, cache=folder, symbols=few, bars=1500, effects=shared(0.25, few))
        found = through_compare(bench, values, folder=folder)
    assert found.kind == "UNIVERSAL_BETTER", found.text
    assert "2 folds, surrogates 20 kept + 20 removed" in found.text


@pytest.mark.slow
def test_a_signal_below_its_costs_is_skill_that_is_not_tradable_and_the_report_says_so(bench: Bench) -> None:
    found = trading.not_tradable(bench)
    assert found.passed, found.measured
    assert "the report says 'Skill, not tradable' in 1/1" in found.measured


@pytest.mark.slow
def test_every_planted_leak_is_flagged_by_name_and_the_clean_pipeline_is_not(bench: Bench) -> None:
    found = leaks.planted_leaks(bench)
    assert found.passed, found.measured


@pytest.mark.slow
def test_wrong_splits_find_skill_where_there_is_none_and_are_caught(bench: Bench) -> None:
    found = leaks.wrong_splits(replace(bench, repeats=3))
    assert found.passed, found.measured


def test_the_registry_drill_passes(bench: Bench) -> None:
    found = leaks.registry_drill(bench)
    assert found.passed, found.measured


@pytest.mark.slow
def test_the_best_of_two_hundred_without_skill_is_not_blessed(bench: Bench) -> None:
    found = mechanics.many_trials(replace(bench, repeats=5))
    assert found.passed, found.measured
    naive = int(found.measured.split("by a t-test in ")[1].split()[0])
    assert naive >= 4


def test_statistics_of_a_proof_ask_for_what_the_comparison_asks_for() -> None:
    assert not plan(smallest=0.001, seed=1).exploratory
