"""`multisymbol completion`: print what makes a shell complete commands, groups, keys and values."""

import argparse
from collections.abc import Sequence

from multisymbol.cli.commands import Parser
from multisymbol.cli.completion import SCRIPTS


def run(arguments: Sequence[str]) -> int:
    """Print a shell's script; return the exit status."""
    print(SCRIPTS[parser().parse_args(arguments).shell])
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = Parser(
        prog="multisymbol completion",
        description="Prints shell completion of commands, groups, keys and values.",
        epilog='bash: add this line to ~/.bashrc:   eval "$(multisymbol completion bash)"          '
        'zsh, to ~/.zshrc after compinit:   eval "$(multisymbol completion zsh)"',
    )
    whole.add_argument("shell", choices=sorted(SCRIPTS))
    return whole
