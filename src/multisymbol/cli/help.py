"""What `--help` says of a command: what it is for, its own keys and the groups, one screen of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

_OPTIONS = """Options, anywhere on the line:
  --cfg job                  the whole configuration as it would be used, every key with its value
  --info defaults-tree       which pages it comes from
  --config-dir DIR           your own pages: DIR/symbols/mine.yaml is symbols=mine
  -m, --multirun             a sweep: key=a,b,c runs each
  -v, --verbose              tracebacks of errors"""


def help_page(name: str, *, folders: Sequence[Path]) -> str:
    """Return the help of one command.

    Args:
        name: Of the command and its page, `train` for `conf/train.yaml`.
        folders: Of pages, the user's before the project's.
    """
    page = folders[-1] / f"{name}.yaml"
    intro, keys = _parts(page.read_text(encoding="utf-8").splitlines())
    pages = list(_pages(page))
    more = f"\nMore keys: {', '.join(f'python scripts/{each.stem}.py --help' for each in pages[1:])}\n" * (
        len(pages) > 1
    )
    groups = dict(_groups(pages, folders))
    width = max(map(len, groups), default=0)
    listed = "\n".join(f"  {group:<{width}}  {', '.join(options)}" for group, options in sorted(groups.items()))
    return (
        f"python scripts/{name}.py [key=value ...]\n\n{intro}\n\nKeys of conf/{name}.yaml:\n{keys}\n{more}\n"
        f"Groups, chosen by group=file from conf/:\n{listed}\n\n{_OPTIONS}"
    )


def _parts(lines: Sequence[str]) -> tuple[str, str]:
    """Return the comment a page begins with, and its keys; both with the words that stand beside them."""
    start = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    intro = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[:start])
    keys, of_defaults = [], False
    for line in lines[start:]:
        of_defaults = line == "defaults:" or (of_defaults and line.startswith((" ", "#", "-")))
        if not of_defaults:
            keys.append(f"  {line}".rstrip())
    return intro, "\n".join(keys).strip("\n")


def _pages(page: Path) -> Iterator[Path]:
    """Yield a command's page and those it goes out from, such as conf/train.yaml."""
    yield page
    for entry in _defaults(page):
        if isinstance(entry, str) and entry != "_self_":
            yield from _pages(page.parent / f"{entry}.yaml")


def _groups(pages: Sequence[Path], folders: Sequence[Path]) -> Iterator[tuple[str, list[str]]]:
    """Yield each group that is chosen from, and the groups within it, with their files."""
    entries = [key for page in pages for entry in _defaults(page) if isinstance(entry, Mapping) for key in entry]
    for group in dict.fromkeys(key.split()[-1] for key in entries):
        inner = [path.name for path in sorted((folders[-1] / group).glob("*")) if path.is_dir()]
        for name in (group, *(f"{group}/{each}" for each in inner)):
            options = sorted({file.stem for folder in folders for file in (folder / name).glob("*.yaml")})
            if len(options) > 1 or options not in ([], ["default"]):
                yield name, options


def _defaults(page: Path) -> list[Any]:
    content = OmegaConf.to_container(OmegaConf.load(page))
    assert isinstance(content, dict)
    return list(content.get("defaults", []))
