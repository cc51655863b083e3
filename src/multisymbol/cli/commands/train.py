"""`multisymbol train`: train one model, or one per symbol (conf/train.yaml)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command
from multisymbol.config.installation import conf_folder, library_versions


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Import torch and Lightning only once the configuration has been checked."""
    if values["dry_run"]:
        from multisymbol.cli.dry_run.train import dry_run

        return dry_run(values)
    library_versions()
    from multisymbol.cli.train import train

    return train(values, run_dir)


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="train")
def main(config: DictConfig) -> float:
    """Train; return the validation log-loss of the best epoch."""
    return command.execute(work, config, leaves=not (config.dry_run or config.resume))


def run(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    return command.start(main, page="train", arguments=arguments)
