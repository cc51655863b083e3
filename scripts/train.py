"""Train one model: python scripts/train.py [key=value ...] (conf/train.yaml explains the keys)."""

import hydra
from omegaconf import DictConfig

from multisymbol.workflows import command


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
def main(config: DictConfig) -> float:
    """Run one training; returns the best checkpoint's score."""
    from multisymbol.workflows.train import train

    return command.execute(train, config)


if __name__ == "__main__":
    command.start(main)
