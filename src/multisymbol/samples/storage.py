"""Arrays on disk that appear whole or not at all: one process writes them, the others wait and find them."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from multisymbol.errors import OutputError

_log = logging.getLogger(__name__)

Found = TypeVar("Found")


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses within the block into an OutputError that names the folder."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}); "
            "make it writable, free some space, or choose another output folder (conf/paths)"
        ) from error


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, even if this process is killed."""
    temporary = path.with_suffix(".part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


@contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Hold the lock beside `target`; while another process holds it, wait.

    Where there is no `target` at the end, what was to become it having been refused, the lock's file goes too.
    """
    lock = FileLock(target.parent / f"{target.name}.lock")
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            _log.info("another process is writing %s; waiting for it", target)
            lock.acquire()
    try:
        yield
    finally:
        if not target.exists():
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target` (same disk) that becomes `target` when the block ends well.

    Whatever ends the block otherwise, Ctrl-C included, leaves neither. The caller holds `only_one(target)`, so
    temporaries of this target found here were left by a process that was killed, and go.
    """
    prefix = f"{target.name}-building-"
    for stale in target.parent.glob(f"{prefix}*"):
        shutil.rmtree(stale, ignore_errors=True)
    with writing(target.parent):
        room = tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent, ignore_cleanup_errors=True)
    with room as name:
        temporary = Path(name) / target.name
        yield temporary
        with writing(target.parent):
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(temporary, target)


def found_or_made(
    target: Path, *, find: Callable[[], Found | None], make: Callable[[Path], None]
) -> tuple[Found, bool]:
    """Open what lies at `target` with `find`, or `make` it once at a temporary path, while other processes wait.

    Returns:
        What `find` opened (it gives None for what is not there, or not whole), and whether it was made here.
    """
    found, made = find(), False
    if found is None:
        with only_one(target):
            found = find()
            if found is None:
                with appearing(target) as temporary:
                    make(temporary)
                found, made = find(), True
    assert found is not None
    return found, made


class ArrayFile:
    """An .npy file that grows at its end, so that no array need be whole in memory.

    Its header is written again at the end: numpy leaves room in it for a longer first axis.

    Args:
        path: A new file.
        dtype: What is appended must be of it: nothing is cast in silence.
        row_shape: Shape of one row, `()` for a plain vector.
    """

    def __init__(self, path: Path, *, dtype: npt.DTypeLike, row_shape: tuple[int, ...] = ()) -> None:
        self._path = path
        self._dtype = np.dtype(dtype)
        self._row_shape = row_shape
        self._rows = 0
        with writing(path.parent):
            self._file = path.open("wb")
            self._write_header()
        self._start = self._file.tell()

    def append(self, values: npt.NDArray[Any]) -> None:
        """Write rows after those already there."""
        assert values.dtype == self._dtype, (self._path.name, values.dtype, self._dtype)
        assert values.shape[1:] == self._row_shape, (self._path.name, values.shape, self._row_shape)
        with writing(self._path.parent):
            self._file.write(np.ascontiguousarray(values).data)
        self._rows += len(values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with writing(self._path.parent), self._file:
            self._file.seek(0)
            self._write_header()
            assert self._file.tell() == self._start, "numpy's header outgrew its room"

    def _write_header(self) -> None:
        shape = (self._rows, *self._row_shape)
        facts = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, facts)
