"""Compare choices by their effect on the data: python validation/survey.py [key=value ...] (conf/survey.yaml here)."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if sys.path[0] == str(HERE):  # started as a script: the package `validation` is one up
    sys.path[0] = str(HERE.parent)

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command
from multisymbol.cli.main import exit_with

CONF = HERE / "conf"


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Import torch and Lightning only once the configuration has been checked."""
    del run_dir  # nothing is recorded
    from validation.choices import survey

    survey(values)
    return float("nan")


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="survey")
def main(config: DictConfig) -> float:
    """Try every combination once."""
    return command.execute(work, config, schema="validation.choices.SurveyConfig", leaves=False)


if __name__ == "__main__":
    usage = "python validation/survey.py"
    exit_with(lambda: command.start(main, page="survey", arguments=sys.argv[1:], usage=usage, folders=[CONF]))
