"""Overrides: which names an asset class or a symbol may use, and how its values win over the defaults.

A schema mirrors the shape of an override; comparing both side by side finds every name that is not there:

    given   {indicators: {rsi: {perod: 7}}}
    schema  Table("key", {indicators: Table("indicator", {rsi: Table("parameter", {period: anything})})})
    problem symbols.AAPL.indicators.rsi.perod: unknown parameter, did you mean 'period'?
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from multisymbol.errors import nearest

Check: TypeAlias = Callable[[Any], str | None]
"""Takes a value, returns what is wrong with it in words, or None where it is right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OverrideTable:
    """A mapping of an override."""

    noun: str  # what its keys are, for messages
    entries: Mapping[str, "OverrideTable | Check"]  # the keys there are, each with the schema of its value
    others: bool = False  # whether further keys are allowed and ignored


def override_problems(given: Any, *, schema: "OverrideTable | Check", where: str) -> Iterator[str]:
    """Yield one line for each name in `given` that is not in `schema` and each value that is wrong.

    An empty table (None, as YAML reads a key without a value) is right.
    """
    if not isinstance(schema, OverrideTable):
        complaint = schema(given)
        if complaint is not None:
            yield f"{where}: {complaint}"
    elif given is None:
        return
    elif not isinstance(given, Mapping):
        yield f"{where}: expected a {schema.noun} and its value, got {given!r}"
    else:
        for key, value in given.items():
            inner = f"{where}.{key}"
            if key in schema.entries:
                yield from override_problems(value, schema=schema.entries[key], where=inner)
            elif not schema.others:
                yield f"{inner}: unknown {schema.noun}{nearest(str(key), tuple(schema.entries))}"


def merged(*layers: Any, depth: int) -> Any:
    """Merge mappings, later layers winning, down to `depth` levels; what lies deeper is replaced whole.

    Args:
        layers: Mappings, or None for an empty one.
        depth: Levels of keys that are merged, at least 1.

    Returns:
        Plain dicts and lists that share nothing with the layers. Keys keep the order of the first layer that has them.
    """
    result: dict[str, Any] = {}
    for key, value in ((key, value) for layer in layers for key, value in (layer or {}).items()):
        if depth > 1:
            result[key] = merged(result.get(key), value, depth=depth - 1)
        else:
            result[key] = plain_override(value)
    return result


def plain_override(value: Any) -> Any:
    """Copy mappings into dicts and sequences into lists, all the way down."""
    if isinstance(value, Mapping):
        return {str(key): plain_override(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain_override(inner) for inner in value]
    return value


def anything(value: Any) -> str | None:
    """Accept all values: who uses them knows what is right."""
    del value
    return None


def text(value: Any) -> str | None:
    """Accept text that is not empty."""
    return None if isinstance(value, str) and value.strip() else f"expected a name, got {value!r}"


def amount(value: Any) -> str | None:
    """Accept finite numbers of 0 and more."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if number and math.isfinite(value) and value >= 0 else f"expected a number of 0 or more, got {value!r}"


def one_of(choices: Sequence[str]) -> Check:
    """Accept these words alone."""

    def check(value: Any) -> str | None:
        if value in choices:
            return None
        return f"expected one of {', '.join(choices)}, got {value!r}{nearest(str(value), choices)}"

    return check


def exactly(fixed: Any, *, because: str) -> Check:
    """Accept the default's value alone."""
    return lambda value: None if value == fixed else f"expected {fixed!r} ({because}), got {value!r}"


def membership(value: Any) -> str | None:
    """Accept the definition of a membership: one shape and its break points."""
    right = isinstance(value, Mapping) and len(value) == 1
    return None if right else f"expected one shape and its points, {{shape: points}}, got {value!r}"
