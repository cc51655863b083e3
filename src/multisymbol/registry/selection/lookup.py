"""Finding a stored version by what a person writes: `NAME/3`, `NAME@alias` or `NAME`."""

import re
from collections.abc import Sequence

from multisymbol.errors import StoreError, nearest
from multisymbol.registry.store.store import Store
from multisymbol.registry.store.versions import CHAMPION, NEWEST, StoredVersion, check_names
from multisymbol.wording import few


def chosen(store: Store, text: str) -> StoredVersion:
    """Find the version that `NAME/3`, `NAME@alias` or `NAME` names; a bare name means its champion, else its newest.

    Raises:
        StoreError: It is written otherwise, or there is no such model, alias or version; says what there is.
    """
    match = re.fullmatch(r"([^@/]+)(?:/([1-9][0-9]{0,8})|@([^@/]+))?", text)
    if match is None:
        raise StoreError(f"'{text}' names no version; write NAME/3, NAME@champion or NAME")
    name, number, alias = match.groups()
    check_names(name, [alias] if alias else [])
    versions = store.model_versions(name)
    if not versions:
        known = sorted({version.name for version in store.versions()})
        raise StoreError(f"there is no model {name}{nearest(name, known) or '.'} There are: {few(known) or 'none'}")
    found = [each for each in versions if _named(each, number=number, alias=alias)]
    if found:
        return found[-1]
    if number is None and alias is None:
        roles = [[each for each in versions if role in each.aliases] for role in (CHAMPION, NEWEST)]
        return next(filter(None, [*roles, versions]))[-1]
    there = ", ".join(f"{each.version}{bracketed(each.aliases)}" for each in versions)
    missing = f"version {number}" if number else f"alias {alias}"
    raise StoreError(f"{name} has no {missing}. There are versions {there}")


def bracketed(names: Sequence[str]) -> str:
    """Write aliases behind a version: ` (champion, newest)`; empty without any."""
    return f" ({', '.join(names)})" if names else ""


def _named(version: StoredVersion, *, number: str | None, alias: str | None) -> bool:
    return version.version == int(number) if number else alias in version.aliases
