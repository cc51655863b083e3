"""Shell completion: commands, options, groups with their files, keys with their values.

The shell hands over the line up to the cursor and gets whole words back. A word that ends in `=`, `.` or `/` goes on.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from multisymbol.cli.commands import COMMANDS, PAGES, command_module
from multisymbol.config.installation import conf_folder, group_files

_OPTIONS = ("--cfg", "--config-dir", "--help", "--info", "--multirun", "--verbose")
_AFTER_OPTION = {
    "--cfg": ("job", "hydra", "all"),
    "-c": ("job", "hydra", "all"),
    "--info": ("defaults-tree", "defaults", "config", "searchpath", "plugins", "all"),
    "-i": ("defaults-tree", "defaults", "config", "searchpath", "plugins", "all"),
}
_CONFIG_DIR = ("--config-dir", "-cd")

BASH = r"""_multisymbol() {
    local line=${COMP_LINE:0:COMP_POINT} word
    local IFS=$'\n'
    COMPREPLY=($(multisymbol --complete "$line" 2>/dev/null))
    word=${line##*[[:space:]]}
    case $word in
        *=*) [[ $COMP_WORDBREAKS == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*=}"}"}") ;;
    esac
    case "${COMPREPLY[*]}" in
        *[=./]) compopt -o nospace ;;
    esac
}
complete -o default -F _multisymbol multisymbol"""

ZSH = r"""_multisymbol() {
    local -a found
    found=("${(@f)$(multisymbol --complete "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}")
    if [[ -n $found ]]; then
        compadd -S '' -- ${(M)found:#*[=./]}
        compadd -- ${found:#*[=./]}
    else
        compset -P '*='
        _files
    fi
}
compdef _multisymbol multisymbol"""

SCRIPTS: Mapping[str, str] = {"bash": BASH, "zsh": ZSH}
"""Shell -> what it evaluates."""


def candidates(line: str) -> list[str]:
    """Return the words that may stand at the end of a command line.

    Args:
        line: The line up to the cursor, the program's name first; a trailing space begins a new word.

    Returns:
        Whole words, sorted; none where the shell should complete a file name.
    """
    words = line.split()
    word = words.pop() if words and not line[-1].isspace() else ""
    return sorted({each for each in _all(words[1:], word) if each.startswith(word)})


def _all(given: Sequence[str], word: str) -> Iterator[str]:
    """Yield candidates for a word after the given ones, those that do not begin like it too."""
    if not given:
        yield from (*COMMANDS, "--help", "--version")
    elif given[0] in PAGES:
        yield from _of_hydra(PAGES[given[0]], given[1:], word)
    elif given[0] in COMMANDS:
        yield from _of_parser(command_module(given[0]).parser(), given[1:])


def _of_parser(parser: argparse.ArgumentParser, given: Sequence[str]) -> Iterator[str]:
    """Yield verbs, choices and options of an argparse command."""
    verbs = next((each for each in parser._actions if isinstance(each, argparse._SubParsersAction)), None)
    if verbs is not None and given and given[0] in verbs.choices:
        yield from _of_parser(verbs.choices[given[0]], given[1:])
        return
    for action in parser._actions:
        if given and given[-1] in action.option_strings and action.nargs != 0:
            yield from map(str, action.choices or ())
            return
    for action in parser._actions:
        yield from (option for option in action.option_strings if option.startswith("--"))
        if not action.option_strings and action.choices is not None and not given:
            yield from map(str, action.choices)


def _of_hydra(page: str, given: Sequence[str], word: str) -> Iterator[str]:
    """Yield options, groups and keys of a command that Hydra configures."""
    before = given[-1] if given else ""
    if before in _AFTER_OPTION:
        yield from _AFTER_OPTION[before]
    elif word.startswith("-"):
        yield from _OPTIONS
    elif before not in _CONFIG_DIR:
        folders = [*_own_folders(given), conf_folder()]
        key, equals, value = word.partition("=")
        files = group_files(key, folders) if equals else []
        if files:
            several = value.rpartition(",")
            yield from (f"{key}={several[0]}{several[1]}{name}" for name in files)
            return
        if not equals:
            yield from _groups(page, folders)
        overrides = [each for each in given if "=" in each and each[0] != "-" and "," not in each]
        yield from _keys(_composed(page, overrides, folders), word)


def _own_folders(given: Sequence[str]) -> list[Path]:
    return [Path(value) for flag, value in pairwise(given) if flag in _CONFIG_DIR and Path(value).is_dir()]


def _groups(page: str, folders: Sequence[Path]) -> Iterator[str]:
    from multisymbol.cli.help import page_groups

    yield from (f"{group}=" for group in page_groups(page, folders=folders))


def _composed(page: str, overrides: Sequence[str], folders: Sequence[Path]) -> Any:
    """Compose a page with what the line says so far; without it where that cannot be composed."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    import multisymbol.cli.schema  # noqa: F401 (resolvers of the pages)

    search = f"hydra.searchpath=[{','.join(f'file://{folder.resolve()}' for folder in folders[:-1])}]"
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        for chosen in (overrides, []):
            try:
                return OmegaConf.to_container(compose(page, [search, *chosen]), resolve=False)
            except HydraException:
                continue
    return {}


def _keys(node: Any, word: str) -> Iterator[str]:
    """Yield `key=`, `key.` for a branch, and `key=value` with the present value once the key is written."""
    key, equals, _ = word.partition("=")
    *parents, _ = key.split(".")
    prefix = "".join(f"{parent}." for parent in parents)
    for parent in parents:
        node = node.get(parent) if isinstance(node, Mapping) else None
    if not isinstance(node, Mapping):
        return
    for name, value in node.items():
        if str(name).startswith("_") or name == "symbol_configs":
            continue
        if not equals:
            yield f"{prefix}{name}{'.' if isinstance(value, Mapping) and value else '='}"
        elif f"{prefix}{name}" == key and isinstance(value, bool | int | float | str) and "${" not in str(value):
            yield f"{key}={str(value).lower() if isinstance(value, bool) else value}"
