"""`multisymbol compare`: universal against single-symbol models (conf/compare.yaml)."""

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
        from multisymbol.cli.dry_run.compare import compare_dry_run

        return compare_dry_run(values, run_dir)
    library_versions()
    from multisymbol.cli.compare import compare_command

    compare_command(values, run_dir)
    return float("nan")


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="compare")
def main(config: DictConfig) -> float:
    """Preregister, train, score and record."""
    schema = "multisymbol.cli.schema.CompareConfig"
    return command.execute(work, config, schema=schema, leaves=not (config.dry_run or config.resume))


def run(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    return command.start(main, page="compare", arguments=arguments)
