"""Work side by side, each piece in a process of its own; how far each has come is shown, and Ctrl-C ends them all."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeAlias, TypeVar

Say: TypeAlias = Callable[[str, int, int], None]
Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """What a process says on its way."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ended(Generic[Found]):
    """What it says at its end."""

    found: Found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Running:
    number: int
    process: BaseProcess


def side_by_side(
    run: Callable[[int, Say], Found],
    numbers: Sequence[int],
    *,
    workers: int,
    lost: Callable[[int], Found],
    show: Say,
) -> Iterator[Found]:
    """Run pieces of work in processes of their own; yield what they found in the order asked for.

    Whatever ends this (Ctrl-C, an error, nobody asking for more) ends the processes too, and they tidy up.

    Args:
        run: Does one piece, and says how far it has come. Must be picklable, and what it returns.
        numbers: Of the pieces.
        workers: At a time.
        lost: What was found of a piece whose process died.
        show: Shows how far all have come: what runs, pieces done, of how many.
    """
    waiting, found = list(numbers), dict[int, Found]()
    running: dict[Connection, _Running] = {}
    told: dict[int, str] = {}
    try:
        for number in numbers:
            while number not in found:
                while waiting and len(running) < workers:
                    running.update([_started(run, waiting.pop(0))])
                for pipe in wait(list(running)):
                    assert isinstance(pipe, Connection)
                    _hear(pipe, running, told=told, found=found, lost=lost)
                show(
                    " · ".join(told[own.number] for own in running.values() if own.number in told),
                    len(found),
                    len(numbers),
                )
            yield found[number]
    finally:
        for own in running.values():
            own.process.terminate()
        for own in running.values():
            own.process.join()


def _started(run: Callable[[int, Say], Found], number: int) -> tuple[Connection, _Running]:
    context = multiprocessing.get_context("spawn")  # a fork of a process with torch's threads may never wake up
    hearing, telling = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(run, number, telling), daemon=True)
    process.start()
    telling.close()
    return hearing, _Running(number=number, process=process)


def _hear(
    pipe: Connection,
    running: dict[Connection, _Running],
    *,
    told: dict[int, str],
    found: dict[int, Found],
    lost: Callable[[int], Found],
) -> None:
    """Take one message; the last one of a process is what it found, or that it is gone."""
    own = running[pipe]
    try:
        said: _Told | _Ended[Found] = pipe.recv()
    except EOFError:
        said = _Ended(found=lost(own.number))
    if isinstance(said, _Told):
        told[own.number] = f"{said.what} {said.done}/{said.total}"
        return
    found[own.number] = said.found
    del running[pipe]
    pipe.close()
    own.process.join()


def _work(run: Callable[[int, Say], Found], number: int, telling: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells all at once; the first process ends the others
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # folders of panels are removed on the way out
    found = run(number, lambda what, done, total: telling.send(_Told(what=what, done=done, total=total)))
    telling.send(_Ended(found=found))
    telling.close()
