"""A wrong key or value, anywhere, is refused with the nearest right name; all problems at once; nothing is started."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from multisymbol.cli.schema import config_problems
from multisymbol.config.build import build
from multisymbol.config.check import check, report
from multisymbol.errors import ConfigError
from tests.composing import composed_page
from tests.conftest import Command, Compose


def lines(composed: Compose, *overrides: str, folder: Path | None = None) -> list[str]:
    return [f"{problem.path}: {problem.text}" for problem in config_problems(composed(*overrides, folder=folder))]


def test_shipped_configuration_has_no_problem(composed: Compose) -> None:
    assert lines(composed) == []


@pytest.mark.parametrize(
    ("override", "path", "said"),
    [
        ("++model.hiden=3", "model.hiden", "unknown key, did you mean 'hidden'?"),
        ("+sed=3", "sed", "unknown key, did you mean 'seed'?"),
        ("++trainer.max_epoch=3", "trainer.max_epoch", "unknown key, did you mean 'max_epochs'?"),
        ("optimizer.lr=fast", "optimizer.lr", "got 'fast'"),
        ("seed=-1", "seed", "greater than or equal to 0"),
        ("trainer.max_epochs=0", "trainer.max_epochs", "expected 1 or more, got 0"),
        ("window=0", "window", "greater than 0"),
        ("mode=universel", "mode", "did you mean 'universal'?"),
        ("++symbols.members.SYN_A.asset_class=stocks", "symbols.members.SYN_A.asset_class", "stock"),
        ("++symbols.members.SYN_A.indicators.rsi.perod=7", "symbols.members.SYN_A.indicators.rsi.perod", "period"),
        ("++asset_class.stock.calender=XNYS", "asset_class.stock.calender", "calendar"),
        ("symbols.only=[SYNA]", "symbols.only", "did you mean 'SYN_A'?"),
        ("++period.begin=2010", "period.begin", "unknown key"),
        ("++callbacks.early_stopping.patienc=2", "callbacks.early_stopping.patienc", "did you mean 'patience'?"),
        ("source=parquet", "source.root", "missing"),
        ("symbols=hourly22", "source", "none are made up; say where they are: source=parquet source.root=FOLDER"),
        ("++symbols.members.ZZZ.asset_class=stock", "source", "no bars are given for ZZZ"),
    ],
)
def test_wrong_key_or_value_is_named_with_its_cure(composed: Compose, override: str, path: str, said: str) -> None:
    found = lines(composed, override)
    assert len(found) == 1, found
    assert path in found[0]
    assert said in found[0]


@pytest.mark.parametrize("override", ["symbols=hourly22", "++symbols.members.ZZZ.asset_class=stock"])
def test_made_up_bars_of_any_name_are_had_by_asking_for_them(composed: Compose, override: str) -> None:
    assert lines(composed, override, "source=synthetic") == []


def test_all_problems_are_listed_at_once(composed: Compose) -> None:
    found = config_problems(composed("+sed=3", "++trainer.max_epoch=3", "optimizer.lr=fast", "++model.hiden=1"))
    assert {problem.path for problem in found} == {"sed", "trainer.max_epoch", "optimizer.lr", "model.hiden"}
    assert "4 problems; nothing was started" in str(report(found))


def test_wrong_target_is_named() -> None:
    found = check({"trainer": {"_target_": "lightning.Trainr"}}, schema="multisymbol.cli.schema.TrainConfig")
    said = " ".join(problem.text for problem in found)
    assert "there is no trainer 'lightning.Trainr', did you mean 'lightning.pytorch.trainer.trainer.Trainer'?" in said


def test_what_code_supplies_is_not_missing_from_a_partial_node() -> None:
    node = {"optimizer": {"_target_": "torch.optim.adamw.AdamW", "_partial_": True, "lr": 0.1}}
    found = check(node, schema="multisymbol.cli.schema.TrainConfig")
    assert not [problem for problem in found if problem.path.startswith("optimizer")]


def test_refused_arguments_carry_the_class_s_own_message() -> None:
    with pytest.raises(ConfigError, match="rank must be at least 1, got 0"):
        build({"_target_": "multisymbol.learning.finetuning.Adapter", "rank": 0}, role="finetune")


def test_lists_arrive_as_plain_python() -> None:
    node = {"_target_": "multisymbol.samples.left_out.LeaveSymbolsOut", "groups": [["A", "B"]], "seed": 1, "cut": None}
    made = build(OmegaConf.create(node), role="split")
    assert type(made.groups) is list
    assert type(made.groups[0]) is list


def test_symbol_s_own_values_win_over_its_class_s(composed: Compose) -> None:
    config = composed("++symbols.members.SYN_A.indicators.rsi.period=7", "++asset_class.stock.indicators.rsi.period=9")
    resolved = config.symbol_configs
    assert resolved.SYN_A.indicators.rsi.period == 7
    assert resolved.SYN_B.indicators.rsi.period == 9
    assert resolved.SYN_D.indicators.rsi.period == config.features.indicators.rsi.period


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    """Return a user's configuration folder with an experiment full of typos."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\ntrainer:\n  max_epoch: 3\nsed: 3\n")
    return tmp_path


def test_command_names_the_file_of_each_typo_before_torch_is_loaded(
    command: Command, own_folder: Path, tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    wrong = ["experiment=mine", "optimizer.lr=fast", "model=mpl", "model.hiden=3", "loss._target_=mine.Loss"]
    wrong.append(f"paths.outputs={outputs}")
    done = command("scripts/train.py", "--config-dir", str(own_folder), *wrong, env=[("PYTHONPROFILEIMPORTTIME", "1")])
    said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    assert done.returncode == 2
    assert "6 problems; nothing was started" in said
    assert "mine.yaml: trainer.max_epoch" in said
    assert "did you mean 'max_epochs'?" in said
    assert "mine.yaml: sed" in said
    assert "command line: optimizer.lr" in said
    assert "command line: loss._target_" in said
    assert "'mine.Loss' is not part of multisymbol and its package is not trusted" in said
    assert "there is no 'mpl', did you mean 'mlp'?" in said
    assert "Traceback" not in said
    assert not outputs.exists()
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "hydra" in loaded
    assert not loaded & {"torch", "lightning", "mlflow", "numba", "talib", "exchange_calendars"}


def test_traceback_is_shown_on_demand(called: Command, tmp_path: Path) -> None:
    wrong = ("scripts/train.py", "sed=1", f"paths.outputs={tmp_path}")
    done = called(*wrong, "-v")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "Traceback" not in called(*wrong).stderr


def test_unwritable_outputs_are_named(called: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = called("scripts/train.py", f"paths.outputs={tmp_path / 'file' / 'outputs'}")
    assert done.returncode == 2
    assert "paths.outputs=DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_sweep_over_several_processes_is_refused(called: Command, tmp_path: Path) -> None:
    done = called("scripts/train.py", "-m", "seed=1,2", "trainer=ddp_sim", f"paths.outputs={tmp_path}")
    assert done.returncode == 2
    assert "a sweep runs its jobs on one device each" in done.stderr


def test_job_page_shows_resolved_symbols(called: Command) -> None:
    done = called("scripts/train.py", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert "symbol_configs:\n  SYN_A:\n    symbol: SYN_A" in done.stdout


@pytest.mark.parametrize("page", ["backtest", "predict", "survey", "trace", "check_data", "resolve", "prove"])
def test_a_key_that_a_command_would_pass_over_is_refused(page: str) -> None:
    home = {"backtest": "multisymbol.cli.schema", "survey": "validation.choices", "prove": "validation.proof"}
    name = f"{home.get(page, f'multisymbol.cli.{page}')}.{page.title().replace('_', '')}Config"
    own = ("symbol=SYN_A", "at=2018-01-01") if page == "trace" else ()
    assert config_problems(composed_page(page, *own), schema=name) == []
    found = config_problems(composed_page(page, *own, "dry_run=true", "resume=some-run"), schema=name)
    assert [problem.path for problem in found][:2] == ["dry_run", "resume"]
    assert "multisymbol train and multisymbol compare have" in found[0].text


def test_commands_that_obey_them_take_them(composed: Compose) -> None:
    assert lines(composed, "dry_run=true", "resume=some-run") == [
        "dry_run: a resumed run goes on as it was started; leave out one of the two"
    ]
    for key in ("dry_run=true", "resume=some-run"):
        assert lines(composed, key) == []
        compare = composed_page("compare", key)
        assert config_problems(compare, schema="multisymbol.cli.schema.CompareConfig") == []
