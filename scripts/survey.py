"""Compare choices by what they do to the data: python scripts/survey.py [key=value ...] (conf/survey.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from multisymbol.cli import command


def work(values: Mapping[str, Any], run_dir: Path) -> float:
    """Load torch and Lightning only once the configuration has been found good."""
    del run_dir  # a survey is no run
    from validation.survey import survey

    survey(values)
    return float("nan")


@hydra.main(version_base="1.3", config_path="../conf", config_name="survey")
def main(config: DictConfig) -> float:
    """Try every combination once."""
    return command.execute(work, config, schema="validation.survey.SurveyConfig", leaves=False)


if __name__ == "__main__":
    command.start(main)
