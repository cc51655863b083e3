"""Which process did something, and whether it still lives: what tells a run at work from one that was killed."""

import os
import socket
from pathlib import Path


def this_process() -> str:
    """Name this process for good: machine, number, and when it began, since numbers are given again."""
    return f"{_machine()} {os.getpid()} {_began(os.getpid())}"


def alive(process: str) -> bool | None:
    """Say whether the process that `this_process` named lives; None where that cannot be known from here."""
    parts = process.rsplit(" ", 2)
    if len(parts) != 3 or parts[0] != _machine() or not parts[1].isdigit():
        return None
    pid = int(parts[1])
    return _exists(pid) and _began(pid) == parts[2]


def _machine() -> str:
    """Tell containers of one host name apart: each counts its processes from 1."""
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def _began(pid: int) -> str:
    """Return the kernel's tick at which a process began; `-` where there is no /proc: the number alone must do."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "-"
    # The second field is the command in brackets, which may hold anything; the start is field 22.
    state, *rest = text.rpartition(")")[2].split()
    return "dead" if state == "Z" else rest[18]
