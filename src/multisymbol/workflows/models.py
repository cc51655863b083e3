"""The verb `models`: what lies in the registry, which version has which role, and what should not be there.

No torch, and no MLflow where nothing is changed: listing takes as long as Python takes to start.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from multisymbol.config import plain, project_root
from multisymbol.errors import MultisymbolError, StoreError, nearest
from multisymbol.markets.instants import DAY, HOUR, MINUTE, instant
from multisymbol.registry.archive import export_model, import_model
from multisymbol.registry.database import PREFIX, experiment_in
from multisymbol.registry.files import check_hashes, parse, read_files
from multisymbol.registry.leavings import Leaving, stray_paths
from multisymbol.registry.store import Store
from multisymbol.registry.versions import CHAMPION, NEWEST, StoredVersion, check_names
from multisymbol.reports.tables import Cell, Column, Table

_SYMBOLS_SHOWN = 4
_SCORES = (
    ("test_log_loss", "test_no_skill_log_loss", "log-loss"),
    ("test_huber", "test_zero_huber", "Huber loss"),
)
"""What a model is judged by: its score, that of the forecast without skill, and the name; the first it has counts."""
_OWN_TAGS = {"run_id", "model_id", "registered_at", "files_digest", "imported_from", "original_run_id"}
"""Tags that differ between any two versions and say nothing about the models."""
_BULKY = {"symbol_configs", "symbols", "asset_class", "features"}
"""Parts of a configuration whose difference shows in the tags: symbols, features."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a verb has to say.

    Args:
        parts: Lines and tables for people.
        data: The same for programs, plain data.
        status: Exit status: 0, or 1 where something is left that should not be there.
    """

    parts: tuple[Table | str, ...]
    data: Any
    status: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the models are.

    Args:
        store: Ready for use.
        folders: Where runs and caches leave temporary files.
    """

    store: Store
    folders: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which versions are listed; None: all.

    Args:
        strategy: First part of the name.
        timeframe: Length of the bars.
        scope: `universal` or `single`.
        symbol: Trained on it.
        asset_class: Trained on one of it.
        alias: Has this role.
        retired: Whether retired versions are listed too.
    """

    strategy: str | None = None
    timeframe: str | None = None
    scope: str | None = None
    symbol: str | None = None
    asset_class: str | None = None
    alias: str | None = None
    retired: bool = False

    def fits(self, version: StoredVersion) -> bool:
        """Whether a version is listed, once strategy and timeframe were asked for."""
        tags = version.tags
        return (
            (self.retired or not version.retired)
            and self.scope in {None, tags.get("scope")}
            and (self.symbol is None or self.symbol in _list(tags, "symbols"))
            and (self.asset_class is None or self.asset_class in _list(tags, "asset_classes"))
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
    if where is None:
        values = _configuration()
        registry, paths = values["registry"], values["paths"]
        store = Store(
            uri=registry["uri"], artifact_root=registry["artifacts"], mlflow_experiment=registry["mlflow_experiment"]
        )
        folders = [Path(paths["outputs"]), Path(paths["cache"])]
    else:
        store = _elsewhere(where, mlflow_experiment=_configuration()["registry"]["mlflow_experiment"])
        folders = [store.database.parent] if store.database else []
    if not create and store.database is not None and not store.database.exists():
        message = f"there is no store at {store.database}; train a model (python scripts/train.py), or name another one"
        raise StoreError(f"{message}: --store FILE")
    store.prepare()
    return Place(store=store, folders=(*folders, Path(store.artifact_root)))


def list_models(store: Store, which: Filter, *, now: int) -> Answer:
    """List versions: roles, what they were trained on, and their test score beside that without skill."""
    found = [each for each in store.versions(strategy=which.strategy, timeframe=which.timeframe) if which.fits(each)]
    columns = (
        *(Column(name=name, key=name) for name in ("model", "version", "aliases", "scope", "symbols", "timeframe")),
        Column(name="test", key="test_log_loss", form=".4f"),
        Column(name="no-skill", key="no_skill", form=".4f"),
        Column(name="better by", key="better_by", form="+.4f"),
        Column(name="age", key="age"),
    )
    rows = tuple(_row(version, now=now) for version in found)
    names = len({version.name for version in found})
    note = "test log-loss, and that of the better forecast without skill on the same rows"
    table = Table(title=f"{len(found):,} versions of {names:,} models", note=note, columns=columns, rows=rows)
    nothing = "no model fits" if which != Filter() else "no model is registered yet: python scripts/train.py"
    return Answer(parts=(table if found else nothing,), data=[_plain(version) for version in found])


def show_model(store: Store, text: str, *, now: int) -> Answer:
    """Tell all that is known of a version: what it was trained on, what it scored, where it lies."""
    version = chosen(store, text)
    facts = _facts(store, version)
    return Answer(
        parts=(_heading(version, now=now), *_lines(version, facts), _scores_table(facts)),
        data={**_plain(version), "metadata": facts["metadata.json"], "symbols": facts["symbols.json"]["symbols"]},
    )


def compare_models(store: Store, first: str, second: str) -> Answer:
    """Set two versions beside each other: facts that differ, and scores where both were scored on the same rows."""
    versions = [chosen(store, text) for text in (first, second)]
    facts = [_facts(store, version) for version in versions]
    names = [f"{version.name}/{version.version}" for version in versions]
    differing = _differing(versions, facts)
    table = Table(
        title=f"{len(differing)} facts differ" if differing else "no fact differs",
        columns=(Column(name="fact", key="fact"), *(Column(name=name, key=name) for name in names)),
        rows=tuple((fact, *map(_shown, pair)) for fact, pair in differing.items()),
    )
    against = _incomparable(facts)
    scores, left_out = _paired(facts)
    data = {"versions": names, "differing": differing, "not_comparable": against, "scores": {} if against else scores}
    if against:
        return Answer(parts=(table, f"scores cannot be compared: {'; '.join(against)}"), data=data)
    parts = (
        [_paired_table(scores, names)] if scores else ["scores cannot be compared: no symbol has the same test rows"]
    )
    noted = [f"not compared: {', '.join(left_out)} (other test rows, or tested in one alone)"] if left_out else []
    return Answer(parts=(table, *parts, *noted), data=data)


def promote_model(store: Store, text: str, *, alias: str) -> Answer:
    """Give a version a role.

    Raises:
        StoreError: There is no such version, it is retired, or the alias is `newest`, which is not given.
    """
    if alias == NEWEST:
        raise StoreError(f"'{NEWEST}' is the version registered last; choose another alias")
    version = chosen(store, text)
    before = store.find(version.name, alias=alias)
    store.set_alias(version, alias)
    replaced = "" if before is None or before.version == version.version else f", in place of version {before.version}"
    data = {"name": version.name, "version": version.version, "alias": alias}
    return Answer(parts=(f"{version} is {alias}{replaced}",), data=data)


def retire_model(store: Store, text: str, *, undo: bool) -> Answer:
    """Let a version answer no more, or take that back."""
    version = chosen(store, text)
    (store.reinstate if undo else store.retire)(version)
    left = store.find(version.name, version=version.version)
    assert left is not None
    lost = f"; it was {', '.join(version.aliases)}" if version.aliases and not undo else ""
    said = f"{version} may answer again" if undo else f"{version} is retired{lost}"
    return Answer(parts=(said, *_champion_gone(store, version, undo=undo)), data=_plain(left))


def export_stored(store: Store, text: str, target: Path) -> Answer:
    """Write a version to a folder or zip."""
    version = chosen(store, text)
    export_model(store, version, target)
    return Answer(parts=(f"{version} is in {target}",), data={**_plain(version), "target": str(target)})


def import_stored(store: Store, source: Path, *, rename: str | None) -> Answer:
    """Register a model from a folder or zip."""
    version = import_model(store, source, rename=rename)
    origin = f" (it was {version.tags['imported_from']})"
    return Answer(parts=(f"{source} is {version}, alias {NEWEST}{origin}",), data=_plain(version))


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
    what = f"all {len(versions)} versions of {text}" if whole else str(versions[0])
    return versions, f"delete {what}{_bracketed(roles)} with all files, for good"


def delete_models(store: Store, text: str) -> Answer:
    """Delete a version, or a model with all its versions, and their files."""
    versions, _ = deletion(store, text)
    for version in versions:
        store.delete_version(version)
    if not store.model_versions(versions[0].name):
        store.delete_model(versions[0].name)
    names = [f"{version.name}/{version.version}" for version in versions]
    return Answer(parts=tuple(f"deleted {name}" for name in names), data={"deleted": names})


def examine(where: Place, *, remove: bool) -> Answer:
    """Name what a kill or a hand left in store and folders; remove it on request."""
    found = _leavings(where)
    done: dict[tuple[str, str], str] = {}
    left = found
    while remove and (removable := [each for each in left if each.remove and _key(each) not in done]):
        done |= {_key(each): _removed(each) for each in removable}
        left = _leavings(where)  # a model may be empty now
        found += [each for each in left if _key(each) not in {_key(other) for other in found}]
    data = [
        {"kind": each.kind, "what": each.what, "reason": each.reason, "removed": done.get(_key(each)) == "removed"}
        for each in found
    ]
    table = Table(
        title=f"{len(found)} leavings",
        columns=tuple(Column(name=name, key=name) for name in ("kind", "what", "why", "")),
        rows=tuple((each.kind, each.what, each.reason, _outcome(each, done)) for each in found),
    )
    parts: tuple[Table | str, ...] = (
        (table,) if found else ("nothing is left over; every file is as it was registered",)
    )
    if not remove and any(each.remove for each in found):
        parts += ("remove them: python scripts/models.py doctor --remove",)
    return Answer(parts=parts, data=data, status=int(bool(left)))


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
        raise StoreError(f"there is no model {name}{nearest(name, known)} There are: {_few(known) or 'none'}")
    found = [each for each in versions if _named(each, number=number, alias=alias)]
    if found:
        return found[-1]
    if number is None and alias is None:
        active = [each for each in versions if not each.retired]
        champions = [each for each in active if CHAMPION in each.aliases]
        return (champions or active or versions)[-1]
    there = ", ".join(f"{each.version}{_bracketed(each.aliases)}" for each in versions)
    missing = f"version {number}" if number else f"alias {alias}"
    raise StoreError(f"{name} has no {missing}. There are versions {there}")


def _bracketed(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def _named(version: StoredVersion, *, number: str | None, alias: str | None) -> bool:
    return version.version == int(number) if number else alias in version.aliases


def _configuration() -> dict[str, Any]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(project_root() / "conf"), version_base="1.3"):
        return plain(compose("models"))


def _elsewhere(where: str, *, mlflow_experiment: str) -> Store:
    """Read the place of a store that the configuration does not name; a database knows where its files are."""
    if "://" in where and not where.startswith(PREFIX):
        return Store(uri=where, artifact_root=str(project_root() / "outputs"), mlflow_experiment=mlflow_experiment)
    path = Path(where.removeprefix(PREFIX)).absolute()
    database = path / "mlflow.db" if path.is_dir() else path
    known = experiment_in(database, mlflow_experiment)
    artifacts = known[0].removeprefix("file://") if known else str(database.parent / "artifacts")
    return Store(uri=f"{PREFIX}{database}", artifact_root=artifacts, mlflow_experiment=mlflow_experiment)


def _row(version: StoredVersion, *, now: int) -> tuple[Cell, ...]:
    tags = version.tags
    score, no_skill = _tag_number(tags, "test_log_loss"), _tag_number(tags, "no_skill")
    roles = [*version.aliases, *(["retired"] if version.retired else [])]
    symbols = _list(tags, "symbols")
    return (
        version.name,
        str(version.version),
        ", ".join(roles),
        tags.get("scope", ""),
        _few(symbols),
        tags.get("timeframe", ""),
        score,
        no_skill,
        no_skill - score,
        _age(tags, now=now),
    )


def _plain(version: StoredVersion) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "aliases": list(version.aliases),
        "retired": version.retired,
        "tags": dict(version.tags),
        "source": version.source,
        "run_id": version.run_id,
    }


def _list(tags: Mapping[str, str], key: str) -> list[str]:
    names: list[str] = json.loads(tags.get(key, "[]"))
    return names


def _tag_number(tags: Mapping[str, str], key: str) -> float:
    return float(tags.get(key, "nan"))


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SYMBOLS_SHOWN
    return ", ".join(names[:_SYMBOLS_SHOWN]) + (f" +{more:,}" if more > 0 else "")


def _age(tags: Mapping[str, str], *, now: int) -> str:
    """Write how long ago a version was registered in the largest unit that fits."""
    if "registered_at" not in tags:
        return ""
    passed = max(0, now - instant(tags["registered_at"]))
    unit, length = next(
        ((unit, length) for unit, length in (("d", DAY), ("h", HOUR), ("min", MINUTE)) if passed >= length),
        ("s", 1_000_000_000),
    )
    return f"{passed // length:,} {unit}"


def _facts(store: Store, version: StoredVersion) -> dict[str, dict[str, Any]]:
    """Read the facts of a version's bundle, after checking its files."""
    folder = store.download(version)
    files = read_files(folder)
    check_hashes(folder, files)
    return {name: parse(folder / name, content) for name, content in files.items() if name.endswith(".json")}


def _heading(version: StoredVersion, *, now: int) -> str:
    roles = [*version.aliases, *([f"retired {version.tags['retired']}"] if version.retired else [])]
    age = _age(version.tags, now=now)
    return " · ".join([str(version), *roles, *([f"{age} old"] if age else [])])


def _lines(version: StoredVersion, facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    tags, metadata = version.tags, facts["metadata.json"]
    verdicts = [f"{key.removeprefix('verdict.')}: {text}" for key, text in tags.items() if key.startswith("verdict.")]
    texts = {
        "trained on": f"{_few(_list(tags, 'symbols'))} ({', '.join(_list(tags, 'asset_classes'))}), "
        f"{int(tags.get('rows', 0)):,} rows, {tags.get('timeframe')}",
        "train": f"{tags.get('train_from')} .. {tags.get('train_until')} (validation included)",
        "test": f"{tags.get('test_from')} .. {tags.get('test_until')}",
        "label": tags.get("label"),
        "features": tags.get("feature_digest"),
        "network": str(facts["config.json"].get("model", {}).get("_target_", "")).rpartition(".")[2],
        "window": metadata.get("window"),
        "seed": metadata.get("seed"),
        "best epoch": metadata.get("best_epoch"),
        "parent": tags.get("parent"),
        "verdicts": "; ".join(verdicts),
        "imported": tags.get("imported_from"),
        "run": version.run_id,
        "code": tags.get("git_commit"),
        "data": tags.get("data_digest"),
        "files": f"{version.source} ({tags.get('files_digest', 'no digest')[:16]})",
    }
    return [f"{name:<11}{text}" for name, text in texts.items() if text not in {None, ""}]


def _score_of(metadata: Mapping[str, Any]) -> tuple[str, str, str]:
    known = metadata.get("test", {})
    return next((keys for keys in _SCORES if keys[0] in known), _SCORES[0])


def _scores_table(facts: Mapping[str, Mapping[str, Any]]) -> Table:
    metadata, symbols = facts["metadata.json"], facts["symbols.json"]["symbols"]
    score, no_skill, name = _score_of(metadata)
    by_symbol = metadata.get("test_by_symbol", {})
    rows = tuple(
        (
            symbol,
            str(of.get("asset_class", "")),
            _number(of, "train"),
            _number(of, "test"),
            _number(by_symbol.get(symbol, {}), score),
            _number(by_symbol.get(symbol, {}), no_skill),
        )
        for symbol, of in symbols.items()
    )
    return Table(
        title="scores on the test rows",
        columns=(
            Column(name="symbol", key="symbol"),
            Column(name="class", key="asset_class"),
            Column(name="train rows", key="train", form=",.0f"),
            Column(name="test rows", key="test", form=",.0f"),
            Column(name=name, key=score, form=".4f"),
            Column(name="no-skill", key=no_skill, form=".4f"),
        ),
        rows=rows,
    )


def _number(data: Mapping[str, Any], key: str) -> float:
    value = data.get(key)
    return math.nan if value is None else float(value)


def _differing(
    versions: Sequence[StoredVersion], facts: Sequence[Mapping[str, Mapping[str, Any]]]
) -> dict[str, list[Any]]:
    """Return fact -> the two values, for tags first, then the configurations' keys."""
    tags = [
        {key: text for key, text in version.tags.items() if key not in _OWN_TAGS and not key.startswith("verdict.")}
        for version in versions
    ]
    configs = [_flat({k: v for k, v in each["config.json"].items() if k not in _BULKY}) for each in facts]
    known = {key for each in tags for key in each}
    pairs = {key: [each.get(key) for each in tags] for key in dict.fromkeys(key for each in tags for key in each)}
    keys = dict.fromkeys(key for each in configs for key in each if key not in known)
    pairs |= {key: [each.get(key) for each in configs] for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return flat


def _shown(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _incomparable(facts: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Say why the scores of two versions are of different things, if they are."""
    a, b = (each["metadata.json"] for each in facts)
    spans = [f"{each['spans']['test_from']} .. {each['spans']['test_until']}" for each in (a, b)]
    problems = [] if spans[0] == spans[1] else [f"the test spans differ ({spans[0]} and {spans[1]})"]
    problems += [] if a["label"] == b["label"] else [f"the labels differ ({a['label']} and {b['label']})"]
    kinds = [_score_of(each)[2] for each in (a, b)]
    return problems + ([] if kinds[0] == kinds[1] else [f"one is judged by {kinds[0]}, the other by {kinds[1]}"])


def _paired(facts: Sequence[Mapping[str, Mapping[str, Any]]]) -> tuple[dict[str, list[float]], list[str]]:
    """Pair the scores of symbols that both versions were tested on, on the same rows of the same bars.

    Returns:
        Symbol -> rows, score of the first, score of the second, score without skill; and the symbols left out.
    """
    a, b = (each["metadata.json"] for each in facts)
    score, no_skill, _ = _score_of(a)
    scores, left_out = {}, []
    for symbol in dict.fromkeys([*a["test_by_symbol"], *b["test_by_symbol"]]):
        of = [each["test_by_symbol"].get(symbol, {}) for each in (a, b)]
        rows = [each.get("test_rows") for each in of]
        bars = [each["bars"].get(symbol) for each in (a, b)]
        if rows[0] is None or rows[0] != rows[1] or bars[0] != bars[1]:
            left_out.append(symbol)
            continue
        scores[symbol] = [rows[0], *(_number(each, score) for each in of), _number(of[0], no_skill)]
    return scores, left_out


def _paired_table(scores: Mapping[str, Sequence[float]], names: Sequence[str]) -> Table:
    return Table(
        title="scores on the same test rows",
        note="less is better; a difference without an interval is no verdict: scripts/compare.py",
        columns=(
            Column(name="symbol", key="symbol"),
            Column(name="rows", key="rows", form=",.0f"),
            *(Column(name=name, key=name, form=".4f") for name in names),
            Column(name="second − first", key="difference", form="+.4f"),
            Column(name="no-skill", key="no_skill", form=".4f"),
        ),
        rows=tuple((symbol, rows, a, b, b - a, floor) for symbol, (rows, a, b, floor) in scores.items()),
    )


def _champion_gone(store: Store, version: StoredVersion, *, undo: bool) -> list[str]:
    if undo or CHAMPION not in version.aliases:
        return []
    left = store.find(version.name, alias=NEWEST)
    served = f"version {left.version}, its newest, answers now" if left else "no version of it answers now"
    return [f"{version.name} has no champion: {served}"]


def _leavings(where: Place) -> list[Leaving]:
    return [*where.store.leavings(), *stray_paths(where.folders, database=where.store.database)]


def _key(leaving: Leaving) -> tuple[str, str]:
    return leaving.kind, leaving.what


def _removed(leaving: Leaving) -> str:
    assert leaving.remove is not None
    try:
        leaving.remove()
    except (MultisymbolError, OSError) as error:
        return f"stays: {error}"
    return "removed"


def _outcome(leaving: Leaving, done: Mapping[tuple[str, str], str]) -> str:
    return done.get(_key(leaving), "" if leaving.remove else "stays")
