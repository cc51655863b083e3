"""What a command line's `key=value` means, before Hydra reads it: names of symbols and of files are text."""

import re

from multisymbol.config.check import IN_QUOTES

_OF_SYMBOLS = ("symbol", "symbols.only", "symbols.without", "split.groups")
"""Keys whose value is a symbol, or lists of them."""
_WORD = re.compile(r""" "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | [^\[\],"']+ """, re.VERBOSE)
_PLACEHOLDER = re.compile(r"(?<!\$)\{\w+\}")


def forced(override: str) -> str:
    """Let Hydra accept a key it does not know, so that the check names all wrong ones at once."""
    key, _, value = override.partition("=")
    quoted = as_text(override)
    if quoted == override and _PLACEHOLDER.search(value) and value[0] not in _QUOTES:
        return f"++{key}={_quoted(value)}"
    return f"++{quoted}"


def as_text(override: str) -> str:
    """Put the symbols of an override in quotes: Hydra would read NAN, TRUE, 600519 as values, and refuse ^GSPC.

    Left alone are `null`, what is in quotes, sweeps by a function such as `choice(A,B)`, and interpolations.
    """
    key, equals, value = override.partition("=")
    named = key.lstrip("+") in _OF_SYMBOLS and value.strip() != "null" and not re.match(r"\w+\(|.*\$\{", value)
    if not equals or not named or (key.endswith("groups") and not value.startswith("[")):
        return override
    return f"{key}={_WORD.sub(lambda word: _as_word(word[0]), value)}"


def key_without_text(error: BaseException | None) -> str | None:
    """Say what to do where a file has a key that YAML reads as nothing, such as NULL; None for other errors."""
    while error is not None:
        if "Incompatible key type" in str(error):
            return f"a key of a file is no text; {IN_QUOTES} (and NULL and ~ as nothing)"
        error = error.__cause__ or error.__context__
    return None


_PLAIN = re.compile(r"[A-Za-z][\w/.-]*", re.ASCII)
_VALUES = {"true", "false", "null", "nan", "inf"}
_QUOTES = "\"'"


def _as_word(word: str) -> str:
    bare = word.strip()
    plain = _PLAIN.fullmatch(bare) and bare.lower() not in _VALUES
    return word if plain or not bare or bare[0] in _QUOTES else _quoted(bare)


def _quoted(text: str) -> str:
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'
