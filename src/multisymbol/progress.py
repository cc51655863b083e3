"""What a command says at the terminal: one screen of facts and tables, and one line that says how far it has come.

Results go to standard output. The line is on standard error; where that is no terminal, each stage prints one line.
"""

import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

WIDEST = 100
"""Columns of output, at most: what is piped, and what a wider terminal shows, has as many."""
Progress = Callable[[str, int, int], None]
"""Called with the item at hand, how many are done, and how many there are."""

T = TypeVar("T")
_NAME = 11
_BAR = range(4, 31)
_TOLD_EVERY = 60.0  # seconds between two lines of progress in a log
_COMMAND = re.compile(r"(?:^|: )\s*(?:multisymbol|mlflow|python) \S")
_HEAD = re.compile(r"\s*\S.{,28}?\s{3,}(?=\S)")
_PART, _SHORT, _GLUE = re.compile(r"( · |\s{3,})"), 36, "\xa0"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def first_process() -> bool:
    """Whether this is the first process of all, on whichever of several machines: the only one that prints."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK"))


def screen_width() -> int:
    """Return the columns that output may take: `COLUMNS` where that is set, else the terminal's up to `WIDEST`."""
    columns = shutil.get_terminal_size((WIDEST, 24)).columns
    return columns if "COLUMNS" in os.environ else min(WIDEST, columns)


def wrapped(text: str, *, width: int | None = None, hanging: int | None = None) -> str:
    """Break lines between words; a word that is longer, such as a path, stays whole, and a command can be pasted.

    Args:
        text: One or more lines. What follows a line's first gap of three blanks is set in below itself; short parts
            that ` · ` or blanks set off stay whole.
        width: Columns; None: the screen's.
        hanging: Blanks before what is set in; None: as many as stand before it in the line.
    """
    width = width or screen_width()
    return "\n".join(_broken(line, width=width, hanging=hanging) for line in text.splitlines())


def _broken(line: str, *, width: int, hanging: int | None) -> str:
    start, head = len(line) - len(line.lstrip()), _HEAD.match(line)
    if hanging is None:
        hanging = head.end() if head else start + 2
    end = " \\" if _COMMAND.search(line) else ""
    parts = _PART.split(line) if len(line) > width else [line]
    lines = textwrap.wrap(
        "".join(part.replace(" ", _GLUE) if len(part) <= _SHORT and part.strip(" ·") else part for part in parts),
        width if len(line) <= width else width - len(end),
        subsequent_indent=" " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
    return f"{end}\n".join(lines).replace(_GLUE, " ")


def complain(text: str) -> None:
    """Print what is wrong, on standard error."""
    with _LINE.hidden():
        print(wrapped(_printable(text)), file=sys.stderr, flush=True)


@contextmanager
def stage(name: str) -> Iterator["Stage"]:
    """Show that something is under way; within another stage it takes over the line, behind the other's name."""
    with _LINE.stage(Stage(name=name)) as begun:
        yield begun


def stepwise(name: str, items: Iterable[T], label: Callable[[T], str] = str) -> Iterator[T]:
    """Yield items one by one as a stage, with the time left.

    Args:
        name: Of the stage.
        items: What is done one by one.
        label: Returns the name of an item.
    """
    items = list(items)
    with stage(name) as begun:
        for done, item in enumerate(items):
            begun.step(label(item), done, len(items))
            yield item


def loading(name: str, *, quiet: bool = False) -> None:
    """Show that a command has started, until it says something: what it imports takes seconds.

    Args:
        name: The command.
        quiet: Print nothing of stages where standard error is no terminal: a program reads the answer.
    """
    _LINE.load(Stage(name="loading", facts=(name,)), quiet=quiet)


def ended() -> None:
    """Clear the line, whatever is under way: a command ends, or asks the user something."""
    _LINE.ended()


class Terminal:
    """Prints facts and tables, and shows progress.

    Args:
        silent: Say nothing: a process that is not the first.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self.console = Console(quiet=silent, highlight=False, soft_wrap=True)
        self._silent = silent

    def fact(self, name: str, text: str) -> None:
        """Print what it is about, and the facts, on one line or as many as it takes."""
        self.say(f"{name:<{_NAME - 1}} {text}", hanging=_NAME)

    def say(self, text: str, *, hanging: int | None = None) -> None:
        """Print lines of text; see `wrapped`."""
        self.show(Text(wrapped(_printable(text), hanging=hanging)))

    def show(self, renderable: RenderableType) -> None:
        """Print a table or a text."""
        if isinstance(renderable, Text):
            renderable.plain = _printable(renderable.plain)
        if not self._silent:
            with _LINE.hidden():
                self.console.print(renderable)

    @contextmanager
    def progress(self, name: str) -> Iterator[Progress]:
        """Show how far something has come that is done item by item, with the time left."""
        if self._silent:
            yield lambda item, done, total: None
            return
        with stage(name) as begun:
            yield begun.step


@dataclass(kw_only=True, slots=True)
class Stage:
    """Something that takes long."""

    name: str  # what it is
    facts: tuple[str, ...] = ()  # what else there is to say of it, the most important first
    count: str = ""  # how far it has come, for people
    share: float | None = None  # the same, 0 to 1; None: not known
    share_before: float = 0.0  # what was done before it began, such as the epochs before a resume
    began_at: float = field(default_factory=time.monotonic)  # seconds of the monotonic clock
    updated_at: float = 0.0  # last time `share` changed

    def update(self, done: float, total: float, *facts: str, count: str) -> None:
        """Say how far it has come."""
        self.share, self.count, self.facts = (done / total if total else None), count, tuple(filter(None, facts))
        self.updated_at = time.monotonic()
        _LINE.tell()

    def step(self, item: str, done: int, total: int) -> None:
        """Say which item is at hand, how many are done, and how many there are."""
        self.update(done, total, item, count=f"{done:,}/{total:,}")

    @property
    def time(self) -> str:
        """Time left at the speed so far; where that is not known, time passed."""
        now = time.monotonic()
        if self.share is None or self.share <= self.share_before:
            return str(timedelta(seconds=round(now - self.began_at)))
        took = (self.updated_at - self.began_at) / (self.share - self.share_before)
        left = took * (1 - self.share) - (now - self.updated_at)
        return f"{timedelta(seconds=max(0, round(left)))} left"


class _Line:
    """The line of progress: of the innermost stage, behind the names and counts of those around it."""

    def __init__(self) -> None:
        self._stages: list[Stage] = []
        self._loading: Stage | None = None
        self._live: Live | None = None
        self._quiet = True
        self._told_at = 0.0

    def load(self, begun: Stage, *, quiet: bool) -> None:
        """Show a stage until `loaded`, the next stage, or the first print."""
        self._quiet = quiet
        self._loading = begun
        self._stages.append(begun)
        self._open(begun)

    def ended(self) -> None:
        """Clear the line."""
        self._stages.clear()
        self._loading, self._quiet = None, True
        self._close()

    def loaded(self) -> None:
        """End what `load` began."""
        if self._loading is not None:
            self._stages.remove(self._loading)
            self._loading = None
            self._close()

    @contextmanager
    def stage(self, begun: Stage) -> Iterator[Stage]:
        """Show a stage while it lasts."""
        self.loaded()
        self._stages.append(begun)
        if len(self._stages) == 1:
            self._open(begun)
        try:
            yield begun
        finally:
            if begun in self._stages:
                self._stages.remove(begun)
            if not self._stages:
                self._close()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Clear the line while something is printed."""
        self.loaded()
        live = self._live
        if live is None:
            yield
            return
        live.stop()
        try:
            yield
        finally:
            live.start(refresh=True)

    def tell(self) -> None:
        """Write the line now and then where it cannot be drawn: a log of a long run shows that it goes on."""
        now = time.monotonic()
        if self._live is None and not self._quiet and self._stages and now - self._told_at >= _TOLD_EVERY:
            self._told_at = now
            print(_printable(line_of(self._stages, width=screen_width())), file=sys.stderr, flush=True)

    def _open(self, begun: Stage) -> None:
        self._told_at = time.monotonic()
        console = Console(stderr=True, highlight=False)
        if console.is_terminal:
            both = sys.stdout.isatty()  # what is printed past us then stands above the line, not in its midst
            self._live = Live(get_renderable=self._text, console=console, transient=True, redirect_stdout=both)
            self._live.start(refresh=True)
        elif not self._quiet:
            print(_printable(" ".join((begun.name, *begun.facts, "…"))), file=sys.stderr, flush=True)

    def _close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _text(self) -> Text:
        return Text(_printable(line_of(self._stages, width=screen_width() - 1)), no_wrap=True, overflow="ellipsis")


def line_of(stages: list[Stage], *, width: int) -> str:
    """Write the line of progress; where it is too long, the least important facts go, then the bar.

    Args:
        stages: From the outermost to the innermost.
        width: Columns.
    """
    if not stages:
        return ""
    inner = stages[-1]
    head = " · ".join([*(f"{outer.name} {outer.count}".rstrip() for outer in stages[:-1]), inner.name])
    told = (*inner.facts, inner.time) if inner.share is None else (inner.count, inner.time, *inner.facts)
    facts = list(filter(None, told))
    least = 0 if inner.share is None else _BAR.start + 1
    while len(facts) > 2 and len(_joined(head, facts)) + least > width:
        facts.pop()
    room = width - len(_joined(head, facts)) - 1
    bar = "" if inner.share is None or room < _BAR.start else _bar(inner.share, min(room, _BAR.stop - 1))
    return " ".join(filter(None, (f"{head:<{_NAME - 1}}", bar, " · ".join(facts))))


def _joined(head: str, facts: list[str]) -> str:
    return f"{head:<{_NAME - 1}} {' · '.join(facts)}"


def _bar(share: float, width: int) -> str:
    done = round(share * width)
    return "━" * done + "─" * (width - done)


def _printable(text: str) -> str:
    """Replace control characters: what is stored or imported must not steer the terminal."""
    return _CONTROL.sub("�", text)


_LINE = _Line()
