"""Origins: which file, or the command line, a value of a composed configuration comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from multisymbol.config.installation import conf_folder
from multisymbol.wording import short_path

_ABOVE = ("experiment", "sweep", "debug", "local")
"""Groups whose pages win over the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origins:
    """Where each key of a composed configuration comes from."""

    overrides: Sequence[str]  # the command line's, as Hydra saw them
    choices: Mapping[str, Any]  # group -> option
    folders: Sequence[Path]  # configuration folders, the user's first
    primary: str  # name of the primary page
    _pages: dict[Path, Mapping[str, Any]] = field(default_factory=dict)

    def __call__(self, path: str) -> str:
        """Name the file that holds the key, or `command line`."""
        if "=" in path:  # a group's option, which Hydra never saw
            return "command line"
        for override in self.overrides:
            key = override.split("=")[0].lstrip("+~")
            chooses_file = override[0] not in "+~" and key in {*self.choices, *self._lists()}
            if not chooses_file and (path == key or path.startswith(f"{key}.")):
                return "command line"
        for file, prefix in self._candidates():
            inner = path.removeprefix(prefix)
            if (not prefix or path.startswith(prefix)) and _holds(self._page(file), inner.split(".")):
                shipped = conf_folder()
                return str(file.relative_to(shipped.parent)) if file.is_relative_to(shipped) else short_path(file)
        return ""

    def _candidates(self) -> Iterator[tuple[Path, str]]:
        """Yield (file, package prefix), those that win first."""
        choices = {**self.choices, **self._lists()}
        for group in sorted(choices, key=lambda group: group not in _ABOVE):
            options = choices[group]
            for option in options if isinstance(options, list) else [options]:
                for folder in self.folders:
                    file = folder / group / f"{option}.yaml"
                    if file.is_file():
                        head = file.read_text(encoding="utf-8").splitlines()[:1]
                        yield file, "" if head and "@package _global_" in head[0] else f"{group.replace('/', '.')}."
        yield from ((file, "") for file in self._primary_pages())

    def _primary_pages(self) -> list[Path]:
        """Return the primary page and those it builds on: `defaults: [train, _self_]`."""
        names, pages = [self.primary], []
        for name in names:
            found = [file for folder in self.folders if (file := folder / f"{name}.yaml").is_file()]
            entries = [entry for file in found for entry in self._page(file).get("defaults", [])]
            names += [entry for entry in entries if isinstance(entry, str) and entry not in {*names, "_self_"}]
            pages += found
        return pages

    def _lists(self) -> dict[str, list[str]]:
        """Find the options that were chosen as a list, which Hydra keeps no record of."""
        above = [folder / group / f"{self.choices.get(group)}.yaml" for group in _ABOVE for folder in self.folders]
        pages = [*reversed(self._primary_pages()), *(file for file in above if file.is_file())]
        entries = [entry for file in pages for entry in self._page(file).get("defaults", [])]
        chosen = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
        lists = {key.removeprefix("override ").lstrip("/"): value for key, value in chosen if isinstance(value, list)}
        typed = dict(override.split("=", 1) for override in self.overrides if "=[" in override)
        return lists | {key: typed[key].strip("[]").split(",") for key in lists if key in typed}

    def _page(self, file: Path) -> Mapping[str, Any]:
        if file not in self._pages:
            page = OmegaConf.to_container(OmegaConf.load(file))
            self._pages[file] = {str(key): value for key, value in page.items()} if isinstance(page, dict) else {}
        return self._pages[file]


def _holds(page: Any, keys: Sequence[str]) -> bool:
    """Whether a page has the key, or sets a whole branch above it; a key may hold dots itself (BRK.B)."""
    if not keys or not isinstance(page, Mapping):
        return True
    heads = ((".".join(keys[:n]), keys[n:]) for n in range(1, len(keys) + 1))
    return any(head in page and _holds(page[head], rest) for head, rest in heads)
