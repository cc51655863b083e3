"""Seconds until a command's first line: python benchmarks/first_line.py [--rounds 3] [--piped].

Each command is started in a new process on the synthetic demo, at a terminal of 100 columns (or with its output piped),
and stopped at its first visible character. Best of the rounds; CPU seconds are those until it was stopped, so a busy
machine shows in the first number alone.
"""

import argparse
import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time

COMMANDS = (
    "train",
    "train dry_run=true",
    "compare dry_run=true",
    "compare",
    "backtest",
    "predict",
    "predict output=json",
    "resolve symbol=SYN_A",
    "models list",
    "check-data",
    "trace symbol=SYN_A at=2018-06-01T15:00Z",
    "generate-data --symbols SYN_A",
    "completion bash",
    "train --help",
    "--help",
)
_INVISIBLE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\s")


def first_line(command: str, folder: str, *, piped: bool) -> tuple[float, float, str]:
    """Start a command and stop it at its first visible character: seconds, CPU seconds, the line."""
    ours, theirs = os.pipe() if piped else pty.openpty()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "multisymbol", *command.split()],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        start_new_session=True,
    )
    os.close(theirs)
    seen, seconds = b"", float("nan")
    while select.select([ours], [], [], 60)[0]:
        try:
            part = os.read(ours, 4096)
        except OSError:  # a terminal whose other side is closed
            break
        seen += part
        if _INVISIBLE.sub(b"", seen):
            seconds = time.perf_counter() - began
            break
        if not part:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    os.close(ours)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode(errors="replace")).strip()
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, line[:40].splitlines()[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--piped", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'command':<42} {'s':>6} {'CPU s':>6}   first line")
        for command in COMMANDS:
            runs = [first_line(command, folder, piped=arguments.piped) for _ in range(arguments.rounds)]
            seconds, cpu, line = min(runs)
            print(f"{command:<42} {seconds:>6.2f} {cpu:>6.2f}   {line}", flush=True)


if __name__ == "__main__":
    main()
