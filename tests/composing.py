"""Configurations as Hydra composes them, each choice of groups once.

Hydra takes a quarter of a second to compose a page, and tests ask for hundreds of them that differ in values alone.
Hydra itself puts values into the composed groups at the very end; here that end is all that is done anew.
"""

import copy
from functools import lru_cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from multisymbol.config.installation import group_files

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
VALIDATION_CONF = ROOT / "validation" / "conf"

State = tuple[tuple[str, int], ...]


def composed_page(page: str, *overrides: str, folder: Path | None = None) -> DictConfig:
    """Compose conf/PAGE.yaml with overrides; `folder` is a user's own configuration folder."""
    groups = tuple(text for text in overrides if _chooses_group(text, folder))
    config = copy.deepcopy(_with_groups(page, groups, folder, _state(folder)))
    values = [text for text in overrides if text not in groups]
    ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(values), config)
    return config


def hydra_s_own(page: str, *overrides: str, folder: Path | None = None) -> DictConfig:
    """Compose the same without any memory."""
    GlobalHydra.instance().clear()
    search = [f"hydra.searchpath=[file://{folder}]"] if folder else []
    home = next(each for each in (CONF, VALIDATION_CONF) if (each / f"{page}.yaml").is_file())
    with initialize_config_dir(str(home), version_base="1.3"):
        return compose(page, [*search, *overrides])


@lru_cache(maxsize=16)
def _with_groups(page: str, groups: tuple[str, ...], folder: Path | None, state: State) -> DictConfig:
    del state  # part of the key: a page that has changed is composed anew
    return hydra_s_own(page, *groups, folder=folder)


def _chooses_group(override: str, folder: Path | None) -> bool:
    key = override.lstrip("+~").partition("=")[0].partition("@")[0]
    return key.startswith("hydra") or bool(group_files(key, (CONF, folder or CONF)))


def _state(folder: Path | None) -> State:
    """Return the pages of a user's folder, with the instant each was written."""
    pages = sorted(folder.rglob("*.yaml")) if folder else []
    return tuple((str(page), page.stat().st_mtime_ns) for page in pages)
