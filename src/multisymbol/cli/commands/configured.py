"""The commands configured by a file in `conf/`: what each checks, and what it runs once that is checked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command
from multisymbol.cli.schema import SCHEMA
from multisymbol.config.installation import conf_folder, library_versions

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class HydraCommand:
    """One command."""

    schema: str  # dotted name of the dataclass that lists its keys
    # imports what the command needs (torch, Lightning) and runs it, given the checked configuration and the run's
    # folder; returns what a sweep optimises
    work: Callable[[Values, Path], object]
    leaves: bool = True  # whether a run leaves something in its folder
    # whether it records the versions of the installed libraries, so they must be known before it starts
    libraries: bool = False


def _called(module: str, name: str, *, with_folder: bool = True) -> Callable[[Values, Path], object]:
    def work(values: Values, run_dir: Path) -> object:
        function = getattr(import_module(f"multisymbol.cli.{module}"), name)
        return function(values, run_dir) if with_folder else function(values)

    return work


def _trace(values: Values, _: Path) -> None:
    from multisymbol.cli.trace import trace

    trace(values, origin=command.origins())


_DRY_RUNS = {
    "train": _called("dry_run.train", "dry_run", with_folder=False),
    "compare": _called("dry_run.compare", "compare_dry_run"),
}
"""Commands with `dry_run=true` -> what shows it."""
_COMMANDS = {
    "train": HydraCommand(schema=SCHEMA, work=_called("train", "train"), libraries=True),
    "compare": HydraCommand(
        schema="multisymbol.cli.schema.CompareConfig", work=_called("compare", "compare_command"), libraries=True
    ),
    "backtest": HydraCommand(
        schema="multisymbol.cli.schema.BacktestConfig", work=_called("backtest", "backtest"), libraries=True
    ),
    "predict": HydraCommand(
        schema="multisymbol.cli.predict.PredictConfig",
        work=_called("predict", "show_predictions", with_folder=False),
        leaves=False,
    ),
    "resolve": HydraCommand(
        schema="multisymbol.cli.resolve.ResolveConfig",
        work=_called("resolve", "show_resolution", with_folder=False),
        leaves=False,
    ),
    "check-data": HydraCommand(
        schema="multisymbol.cli.check_data.CheckDataConfig", work=_called("check_data", "check_data")
    ),
    "trace": HydraCommand(schema="multisymbol.cli.trace.TraceConfig", work=_trace, leaves=False),
}


def run(name: str, arguments: Sequence[str]) -> int:
    """Run a command; return its exit status."""
    chosen, page = _COMMANDS[name], name.replace("-", "_")

    def work(values: Values, run_dir: Path) -> float:
        dry = name in _DRY_RUNS and values["dry_run"]
        if chosen.libraries and not dry:
            library_versions()
        score = (_DRY_RUNS[name] if dry else chosen.work)(values, run_dir)
        return score if isinstance(score, float) else float("nan")

    @hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=page)
    def main(config: DictConfig) -> float:
        shows = name in _DRY_RUNS and (config.dry_run or config.resume)
        return command.execute(work, config, schema=chosen.schema, leaves=chosen.leaves and not shows)

    return command.start(main, page=page, arguments=arguments)
