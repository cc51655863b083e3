"""Words for messages and pages: paths, lists of names, counts, groups."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K")


def short_path(path: Path) -> str:
    """Write a path relative to the working folder where it lies inside."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def printable(text: str, *, most: int = 100) -> str:
    """Return one line fit for a terminal: control characters escaped, at most so many characters."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text.strip())
    return shown if len(shown) <= most else f"{shown[:most]}..."


def listed(names: Iterable[object], *, most: int) -> str:
    """Write the first names, and how many there are besides."""
    texts = [str(name) for name in names]
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def few(names: Sequence[str], *, most: int = 4) -> str:
    """Write the first names for a cell of a table: `A, B +7`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" +{more:,}" if more > 0 else "")


def counted(number: int, what: str) -> str:
    """Write `1 model`, `2 models`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def group_by(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Return the items of each key, in the order in which keys first appear."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
