"""The command `models`: what lies in the registry, which version has which role, and what should not be there.

No torch, and no MLflow where nothing is changed: listing takes as long as Python takes to start.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from multisymbol.config.build import plain
from multisymbol.config.installation import conf_folder
from multisymbol.errors import MultisymbolError, StoreError
from multisymbol.registry.bundle.exchange import export_model, import_model
from multisymbol.registry.bundle.files import check_hashes, read_facts, read_files
from multisymbol.registry.selection.lookup import bracketed, chosen
from multisymbol.registry.store.cleanup import Orphan, store_orphans, stray_paths
from multisymbol.registry.store.database import PREFIX, experiment_in
from multisymbol.registry.store.store import Store
from multisymbol.registry.store.versions import CHAMPION, NEWEST, StoredVersion
from multisymbol.reports.tables.models import (
    difference_table,
    differing,
    fact_lines,
    heading,
    incomparable,
    list_table,
    model_names,
    paired,
    paired_table,
    plain_version,
    scores_table,
)
from multisymbol.reports.tables.table import Table, plain_table
from multisymbol.wording import counted, few


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandOutput:
    """What a verb has to say."""

    parts: tuple[Table | str, ...]  # lines and tables for people
    data: Any  # the same for programs, plain data
    status: int = 0  # exit status: 0, or 1 where something is left that should not be there


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the models are."""

    store: Store  # ready for use
    folders: tuple[Path, ...]  # where runs and caches leave temporary files


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which versions are listed; None: all."""

    strategy: str | None = None  # first part of the name
    timeframe: str | None = None  # length of the bars
    scope: str | None = None  # `universal` or `single`
    symbol: str | None = None  # trained on it
    asset_class: str | None = None  # trained on one of it
    alias: str | None = None  # has this role
    retired: bool = False  # whether retired versions are listed too

    def fits(self, version: StoredVersion) -> bool:
        """Whether a version is listed, once strategy and timeframe were asked for."""
        tags = version.tags
        return (
            (self.retired or not version.retired)
            and self.scope in {None, tags.get("scope")}
            and (self.symbol is None or self.symbol in model_names(tags, "symbols"))
            and (self.asset_class is None or self.asset_class in model_names(tags, "asset_classes"))
            and (self.alias is None or self.alias in version.aliases)
        )


def place(where: str | None, *, create: bool) -> Place:
    """Find the store: where the configuration says, or elsewhere.

    Args:
        where: `sqlite:////absolute/mlflow.db`, the address of a server, a file or its folder; None: the project's.
        create: Whether it is made if it is not there.

    Raises:
        StoreError: There is none.
    """
    values = _configuration()
    if where is None:
        store, folders = Store.of(values["registry"]), [Path(values["paths"][name]) for name in ("outputs", "cache")]
    else:
        store = _elsewhere(where, own=Store.of(values["registry"]))
        folders = [store.database.parent] if store.database else []
    if not create and store.database is not None and not store.database.exists():
        message = f"there is no store at {store.database}; train a model (multisymbol train), or name another one"
        raise StoreError(f"{message}: --store FILE")
    store.prepare()
    return Place(store=store, folders=(*folders, Path(store.artifact_root)))


def list_models(store: Store, which: Filter, *, now: int) -> CommandOutput:
    """List versions: roles, what they were trained on, and their test score beside that without skill."""
    found = [each for each in store.versions(strategy=which.strategy, timeframe=which.timeframe) if which.fits(each)]
    synthetic = {each.reference for each in found if _is_synthetic(store, each)}
    table = list_table(found, now=now, synthetic=synthetic)
    nothing = "no model fits" if which != Filter() else "no model is registered yet: multisymbol train"
    return CommandOutput(parts=(table if found else nothing,), data=[plain_version(version) for version in found])


def show_model(store: Store, text: str, *, now: int) -> CommandOutput:
    """Tell all that is known of a version: what it was trained on, what it scored, where it lies."""
    version = chosen(store, text)
    facts = _facts(store, version)
    return CommandOutput(
        parts=(
            heading(version, now=now, synthetic=_is_synthetic(store, version)),
            *fact_lines(version, facts),
            scores_table(facts),
        ),
        data={
            **plain_version(version),
            "metadata": facts["metadata.json"],
            "symbols": facts["symbols.json"]["symbols"],
        },
    )


def _is_synthetic(store: Store, version: StoredVersion) -> bool:
    """Whether a version was trained on generated bars; files of an earlier release are not fetched for that."""
    if version.provenance is None and store.database is None:
        return False
    return store.known_provenance(version) == "synthetic"


def compare_models(store: Store, first: str, second: str) -> CommandOutput:
    """Set two versions beside each other: facts that differ, and scores where both were scored on the same rows."""
    versions = [chosen(store, text) for text in (first, second)]
    facts = [_facts(store, version) for version in versions]
    names = [version.reference for version in versions]
    pairs = differing(versions, facts)
    table = difference_table(pairs, names)
    against = incomparable(facts)
    scores, left_out = ({}, []) if against else paired(facts)
    data = {"versions": names, "differing": pairs, "not_comparable": against, "scores": scores, "left_out": left_out}
    if against or not scores:
        reason = "; ".join(against) or "no symbol has the same test rows"
        return CommandOutput(parts=(table, f"scores cannot be compared: {reason}"), data=data)
    noted = [f"not compared: {few(left_out)} (other test rows, or tested in one alone)"] if left_out else []
    return CommandOutput(parts=(table, paired_table(scores, names), *noted), data=data)


def promote_model(store: Store, text: str, *, alias: str) -> CommandOutput:
    """Give a version a role; of one that has shown no skill that is said.

    Raises:
        StoreError: There is no such version, it is retired, or the alias is `newest`, which is not given.
    """
    if alias == NEWEST:
        raise StoreError(f"'{NEWEST}' is the version that was trained last; choose another alias")
    version = chosen(store, text)
    before = store.find(version.name, alias=alias)
    store.set_alias(version, alias)
    replaced = "" if before is None or before.version == version.version else f", in place of version {before.version}"
    careful = version.without_skill
    data = {"name": version.name, "version": version.version, "alias": alias, "careful": careful}
    warning = [f"careful: {careful}"] if careful else []
    return CommandOutput(parts=(f"{version} is {alias}{replaced}", *warning), data=data)


def retire_model(store: Store, text: str, *, undo: bool) -> CommandOutput:
    """Let a version answer no more, or take that back."""
    version = chosen(store, text)
    (store.reinstate if undo else store.retire)(version)
    left = store.find(version.name, version=version.version)
    assert left is not None
    lost = f"; it was {', '.join(version.aliases)}" if version.aliases and not undo else ""
    said = f"{version} may answer again" if undo else f"{version} is retired{lost}"
    return CommandOutput(parts=(said, *_champion_gone(store, version, undo=undo)), data=plain_version(left))


def export_stored(store: Store, text: str, target: Path) -> CommandOutput:
    """Write a version to a folder or zip."""
    version = chosen(store, text)
    export_model(store, version, target)
    return CommandOutput(parts=(f"{version} is in {target}",), data={**plain_version(version), "target": str(target)})


def import_stored(store: Store, source: Path, *, rename: str | None) -> CommandOutput:
    """Register a model from a folder or zip."""
    version = import_model(store, source, rename=rename)
    origin = f" (it was {version.tags['imported_from']})"
    cure = f"it answers for nobody until it is promoted: multisymbol models promote {version.reference}"
    return CommandOutput(parts=(f"{source} is {version}{origin}", cure), data=plain_version(version))


def deletion(store: Store, text: str) -> tuple[list[StoredVersion], str]:
    """Find what `NAME/3` or, for all versions, `NAME` would delete, and say so.

    Raises:
        StoreError: There is no such version.
    """
    whole = re.fullmatch(r"[^@/]+", text) is not None
    versions = store.model_versions(text) if whole else [chosen(store, text)]
    if not versions:
        chosen(store, text)  # says what there is
    roles = sorted({alias for version in versions for alias in version.aliases})
    what = f"{text} with {counted(len(versions), 'version')}" if whole else str(versions[0])
    return versions, f"delete {what}{bracketed(roles)} and all files, for good"


def delete_models(store: Store, text: str) -> CommandOutput:
    """Delete a version, or a model with all its versions, and their files."""
    versions, _ = deletion(store, text)
    for version in versions:
        store.delete_version(version)
    if not store.model_versions(versions[0].name):
        store.delete_model(versions[0].name)
    names = [version.reference for version in versions]
    return CommandOutput(parts=tuple(f"deleted {name}" for name in names), data={"deleted": names})


def find_orphans(where: Place, *, remove: bool) -> CommandOutput:
    """Name what a kill or a hand left in store and folders; remove it on request."""
    found = _orphans(where)
    done: dict[tuple[str, str], str] = {}
    left = found
    while remove and (removable := [each for each in left if each.remove and _key(each) not in done]):
        done |= {_key(each): _removed(each) for each in removable}
        left = _orphans(where)  # a model may be empty now
        found += [each for each in left if _key(each) not in {_key(other) for other in found}]
    data = [
        {"kind": each.kind, "what": each.what, "reason": each.reason, "removed": done.get(_key(each)) == "removed"}
        for each in found
    ]
    rows = [(each.kind, each.what.removeprefix(f"{Path.cwd()}/"), _outcome(each, done), each.reason) for each in found]
    table = plain_table(counted(len(found), "orphan"), rows, "kind", "what", "outcome", "why")
    parts: tuple[Table | str, ...] = (
        (table,) if found else ("nothing is left over; every file is as it was registered",)
    )
    if not remove and any(each.remove for each in found):
        parts += ("remove them: multisymbol models cleanup --remove",)
    return CommandOutput(parts=parts, data=data, status=int(bool(left)))


def _configuration() -> dict[str, Any]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return plain(compose("models"))


def _elsewhere(where: str, *, own: Store) -> Store:
    """Read the place of another store than our own; a database knows where its files are."""
    if "://" in where and not where.startswith(PREFIX):
        return replace(own, uri=where)
    path = Path(where.removeprefix(PREFIX)).absolute()
    database = path / "mlflow.db" if path.is_dir() else path
    known = experiment_in(database, own.mlflow_experiment)
    artifacts = known[0].removeprefix("file://") if known else str(database.parent / "artifacts")
    return replace(own, uri=f"{PREFIX}{database}", artifact_root=artifacts)


def _facts(store: Store, version: StoredVersion) -> dict[str, dict[str, Any]]:
    """Read the facts of a version's bundle, after checking its files."""
    folder = store.download(version)
    files = read_files(folder)
    check_hashes(folder, files)
    return read_facts(folder, files)


def _champion_gone(store: Store, version: StoredVersion, *, undo: bool) -> list[str]:
    if undo or CHAMPION not in version.aliases:
        return []
    left = store.find(version.name, alias=NEWEST)
    served = f"version {left.version}, its newest, answers now" if left else "no version of it answers now"
    return [f"{version.name} has no champion: {served}"]


def _orphans(where: Place) -> list[Orphan]:
    return [*store_orphans(where.store), *stray_paths(where.folders, database=where.store.database)]


def _key(orphan: Orphan) -> tuple[str, str]:
    return orphan.kind, orphan.what


def _removed(orphan: Orphan) -> str:
    assert orphan.remove is not None
    try:
        orphan.remove()
    except (MultisymbolError, OSError) as error:
        return f"stays: {error}"
    return "removed"


def _outcome(orphan: Orphan, done: Mapping[tuple[str, str], str]) -> str:
    return done.get(_key(orphan), "" if orphan.remove else "stays")
