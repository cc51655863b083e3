"""Composing a configuration without a command line: for notebooks, the public API and tests."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import ListConfig, OmegaConf, open_dict

from multisymbol.cli.schema import SCHEMA as TRAIN
from multisymbol.cli.schema import config_problems
from multisymbol.config.build import plain
from multisymbol.config.check import report
from multisymbol.config.command_line import as_text, forced, key_without_text
from multisymbol.config.installation import conf_folder, group_files
from multisymbol.config.trust import allow, import_trusted
from multisymbol.errors import ConfigError, nearest

if TYPE_CHECKING:
    from multisymbol.samples.dataset import DataSpec
    from multisymbol.training.fit import FitSpec

SCHEMAS = {
    "train": TRAIN,
    "compare": "multisymbol.cli.schema.CompareConfig",
    "backtest": "multisymbol.cli.schema.BacktestConfig",
    "predict": "multisymbol.cli.predict.PredictConfig",
    "resolve": "multisymbol.cli.resolve.ResolveConfig",
}
"""Command -> the dataclass that lists its keys."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """A checked configuration: what a command line would have composed."""

    command: str  # the command it is for
    values: Mapping[str, Any]  # plain, resolved mapping

    @property
    def data(self) -> "DataSpec":
        """The samples it describes, as the engine takes them."""
        from multisymbol.cli.specs import data_spec

        return data_spec(self.values)

    @property
    def fit(self) -> "FitSpec":
        """How it fits a network, as the engine takes it."""
        from multisymbol.cli.specs import fit_spec

        return fit_spec(self.values)

    def to_yaml(self) -> str:
        """Return all of it as YAML."""
        return OmegaConf.to_yaml(OmegaConf.create(dict(self.values)))

    def run_folder(self) -> Path:
        """Return a folder for a new run, below `paths.outputs`; it is not made."""
        now = datetime.now()
        return (
            Path(self.values["paths"]["outputs"])
            / "runs"
            / f"{now:%Y-%m-%d}"
            / f"{now:%H-%M-%S}-{secrets.token_hex(4)}"
        )


def load_config(
    overrides: Sequence[str] = (),
    *,
    command: str = "train",
    symbols: Mapping[str, str | Mapping[str, Any]] | None = None,
    config_dir: str | Path | None = None,
) -> Config:
    """Compose and check a configuration as the command line does.

    Args:
        overrides: What a command line would say: `["model=gru", "optimizer.lr=3e-4"]`.
        command: `train`, `compare`, `backtest`, `predict` or `resolve`: whose keys there are.
        symbols: Universe of your own in place of a file in `conf/symbols`: symbol -> asset class, or the symbol's whole
            entry, such as `{"asset_class": "crypto", "indicators": {"rsi": {"period": 21}}}`.
        config_dir: Configuration folder of your own, as `--config-dir`.

    Raises:
        ConfigError: Unknown, missing or wrongly typed keys; all of them at once.

    Example:
        >>> config = load_config(["model=gru", "source=parquet", "source.root=bars"], symbols={"AAPL": "stock"})
    """
    if command not in SCHEMAS:
        raise ConfigError(
            f"there is no command '{command}'{nearest(command, list(SCHEMAS)) or '.'} Commands: {', '.join(SCHEMAS)}"
        )
    folder = Path(config_dir).absolute() if config_dir is not None else None
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"config_dir {config_dir} is not a folder")
    search = [f"hydra.searchpath=[file://{folder}]"] if folder else []
    given = [forwarded(text, [conf_folder(), *([folder] if folder else [])]) for text in overrides]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        try:
            config = compose(command, [*search, *given])
        except HydraException as error:
            if cure := key_without_text(error):
                raise ConfigError(cure) from error
            raise
    if symbols is not None:
        entries = {
            name: {"asset_class": each} if isinstance(each, str) else dict(each) for name, each in symbols.items()
        }
        with open_dict(config):
            config.symbols = {"members": entries}
    _allow(OmegaConf.select(config, "trust"), folder)
    problems = config_problems(config, schema=SCHEMAS[command])
    if problems:
        raise report(problems)
    return Config(command=command, values=plain(config))


def _allow(packages: object, folder: Path | None) -> None:
    """Trust the caller's own packages for the rest of this process, and import what they register."""
    named = list(packages) if isinstance(packages, ListConfig | list) else []
    if named:
        allow([str(name) for name in named], folders=[folder, folder.parent] if folder else [])
        import_trusted()


def forwarded(override: str, folders: Sequence[Path]) -> str:
    """Let Hydra accept every `key=value`, so that the check names all wrong ones at once; a group's choice stays."""
    key, equals, _ = override.partition("=")
    if not equals or key[0] in "+~" or key.startswith("hydra"):
        return as_text(override)
    return override if group_files(key.partition("@")[0], folders) else forced(override)
