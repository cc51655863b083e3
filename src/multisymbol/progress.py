"""What a command says at the terminal: one screen, quiet when piped, silent on every process but the first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Terminal:
    """Prints facts and tables.

    Args:
        silent: Say nothing: a process that is not the first.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self.console = Console(quiet=silent, highlight=False, soft_wrap=True)

    def fact(self, name: str, text: str) -> None:
        """Print one line: what it is about, and the facts."""
        self.console.print(f"{name:<11}{text}", markup=False)

    def show(self, renderable: RenderableType) -> None:
        """Print a table or a text."""
        self.console.print(renderable)

    @contextmanager
    def progress(self, name: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar with time left while something is done item by item; nothing when piped."""
        columns = (
            TextColumn(f"{name:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        quiet = not self.console.is_terminal or self.console.quiet
        with Progress(*columns, console=self.console, transient=True, disable=quiet) as bar:
            task = bar.add_task("", total=None)
            yield lambda item, done, total: bar.update(task, description=item, completed=done, total=total)
