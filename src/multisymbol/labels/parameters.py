"""Refusing parameters that a labeller cannot work with, all at once."""

from collections.abc import Iterable
from typing import NamedTuple

from multisymbol.errors import LabelError


class Requirement(NamedTuple):
    """A field, whether its value will do, and what is expected of it."""

    field: str
    met: bool
    expected: str


def require(labeller: object, *, name: str, requirements: Iterable[Requirement]) -> None:
    """Refuse parameters that a labeller cannot work with; `name` is what `conf/labels` calls it.

    Raises:
        LabelError: One line for each requirement that is not met.
    """
    lines = [
        f"{name}.{field}: expected {expected}, got {getattr(labeller, field)!r}"
        for field, met, expected in requirements
        if not met
    ]
    if lines:
        raise LabelError("\n".join(lines))
