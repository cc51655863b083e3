"""What `--help` says of a command: what it is for, its own keys and the groups, one screen of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from multisymbol.config.installation import group_files

_OPTIONS = """Options, anywhere on the line:
  --cfg job                  the whole configuration as it would be used, every key with its value
  --cfg job -p comparison    the keys of one group alone, with their values
  --info defaults-tree       which files it comes from
  --config-dir DIR           your own files: DIR/symbols/mine.yaml is symbols=mine
  -m, --multirun             a sweep: key=a,b,c runs each
  -v, --verbose              tracebacks of errors"""


def help_page(name: str, *, usage: str, folders: Sequence[Path]) -> str:
    """Return the help of one command.

    Args:
        name: Name of the command's page, `train` for `conf/train.yaml`.
        usage: How the command is written: `multisymbol train`.
        folders: Folders of pages, the user's before the shipped ones.
    """
    page = _page(name, folders)
    intro, keys = _parts(page.read_text(encoding="utf-8").splitlines())
    pages = list(_pages(page, folders))
    inherited = ", ".join(f"multisymbol {each.stem.replace('_', '-')} --help" for each in pages[1:])
    more = f"\nMore keys: {inherited}\n" if inherited else ""
    groups = dict(_groups(pages, folders))
    width = max(map(len, groups), default=0)
    listed = "\n".join(f"  {group:<{width}}  {', '.join(options)}" for group, options in sorted(groups.items()))
    return (
        f"{usage} [key=value ...]\n\n{intro}\n\nKeys of conf/{name}.yaml:\n{keys}\n{more}\n"
        f"Groups, chosen by group=file from conf/:\n{listed}\n\n{_OPTIONS}"
    )


def page_groups(name: str, *, folders: Sequence[Path]) -> dict[str, list[str]]:
    """Return each group that a command's page chooses from, with its files."""
    return dict(_groups(list(_pages(_page(name, folders), folders)), folders))


def _parts(lines: Sequence[str]) -> tuple[str, str]:
    """Return the comment a page begins with, and its keys; both with the words that stand beside them."""
    start = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    intro = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[:start])
    keys, hidden = [], False
    for line in lines[start:]:
        hidden = line in {"defaults:", "hydra:"} or (hidden and line.startswith((" ", "#", "-")))
        if not hidden:
            keys.append(f"  {line}".rstrip())
    return intro, "\n".join(keys).strip("\n")


def _page(name: str, folders: Sequence[Path]) -> Path:
    """Find a page; the first folder that has it wins."""
    files = [folder / f"{name}.yaml" for folder in folders]
    return next((file for file in files if file.is_file()), files[-1])


def _pages(page: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """Yield a command's page and those it builds on, such as conf/train.yaml."""
    yield page
    for entry in _defaults(page):
        if isinstance(entry, str) and entry != "_self_":
            yield from _pages(_page(entry, folders), folders)


def _groups(pages: Sequence[Path], folders: Sequence[Path]) -> Iterator[tuple[str, list[str]]]:
    """Yield each group that is chosen from, and the groups within it, with their files."""
    entries = [key for page in pages for entry in _defaults(page) if isinstance(entry, Mapping) for key in entry]
    for group in dict.fromkeys(key.split()[-1] for key in entries):
        inner = [path.name for path in sorted((folders[-1] / group).glob("*")) if path.is_dir()]
        for name in (group, *(f"{group}/{each}" for each in inner)):
            options = group_files(name, folders)
            if len(options) > 1 or options not in ([], ["default"]):
                yield name, options


def _defaults(page: Path) -> list[Any]:
    content = OmegaConf.to_container(OmegaConf.load(page))
    assert isinstance(content, dict)
    return list(content.get("defaults", []))
