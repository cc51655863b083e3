"""The console command `multisymbol`: help, version, or one of its commands; imports only what that needs."""

import os
import signal
import sys
from collections.abc import Callable, Sequence

from multisymbol.cli.commands import COMMANDS, run
from multisymbol.progress import Terminal, complain, ended

USAGE = """multisymbol COMMAND [key=value ...]

Trains one model for many symbols and one per symbol, and tests which is better.

Commands:
{commands}

Options:
  COMMAND --help     what a command does, its keys and groups
  --version          the installed version

Outputs go to outputs/ in the working directory. Start with: multisymbol train"""


def main() -> None:
    """Run what `sys.argv` asks for and exit with its status."""
    exit_with(lambda: console(sys.argv[1:]))


def door(name: str) -> None:
    """Run one command with the arguments of a script, and exit with its status."""
    exit_with(lambda: run(name, sys.argv[1:]))


def console(arguments: Sequence[str]) -> int:
    """Run `multisymbol ARGUMENTS`.

    Args:
        arguments: Words after the program's name.

    Returns:
        Exit status: 2 for whatever a user can cause.
    """
    first, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if first in {"-h", "--help", "help"}:
        Terminal().say(usage())
        return 0
    if first == "--version":
        from multisymbol import __version__

        print(f"multisymbol {__version__}")
        return 0
    if first == "--complete":
        from multisymbol.cli.completion import candidates

        print("\n".join(candidates(" ".join(rest))))
        return 0
    if first in COMMANDS:
        return run(first, rest)
    complain(_unknown(first))
    return 2


def exit_with(call: Callable[[], int]) -> None:
    """Exit with the status of a call; a reader of a pipe who has seen enough is no error, an interruption one line."""
    received = signal.SIGINT

    def terminate(number: int, _: object) -> None:
        nonlocal received
        received = signal.Signals(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        status = call()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt as stop:
        complain(f"interrupted; {str(stop) or 'start the same command again'}")
        status = 128 + received
    finally:
        ended()
        signal.signal(signal.SIGTERM, before)
    sys.exit(status)


def usage() -> str:
    """Return the page of `multisymbol --help`."""
    width = max(map(len, COMMANDS))
    return USAGE.format(commands="\n".join(f"  {name:<{width}}   {text}" for name, text in COMMANDS.items()))


def _unknown(name: str) -> str:
    if not name:
        return usage()
    from multisymbol.errors import nearest

    listed = ", ".join(COMMANDS)
    return f"multisymbol has no command '{name}'{nearest(name, list(COMMANDS)) or '.'}\nCommands: {listed}"
