"""What is shown of stored versions: lines and tables, and which scores may stand beside each other."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from multisymbol.markets.time import DAY, HOUR, MINUTE, instant
from multisymbol.registry.store.versions import StoredVersion
from multisymbol.reports.tables.table import Cell, Table, TableColumn

Facts = Mapping[str, Mapping[str, Any]]
"""The JSON files of a bundle by name."""
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


def list_table(versions: Sequence[StoredVersion], *, now: int) -> Table:
    """List versions with their roles, what they were trained on, and their test score beside that without skill.

    Args:
        versions: By name and number.
        now: From which ages are counted.
    """
    names = len({version.name for version in versions})
    return Table(
        title=f"{counted(len(versions), 'version')} of {counted(names, 'model')}",
        note="test log-loss, and that of the better forecast without skill on the same rows",
        columns=(
            *(
                TableColumn(name=name, key=name)
                for name in ("model", "version", "aliases", "scope", "symbols", "timeframe")
            ),
            TableColumn(name="test", key="test_log_loss", form=".4f"),
            TableColumn(name="no-skill", key="no_skill", form=".4f"),
            TableColumn(name="better by", key="better_by", form="+.4f"),
            TableColumn(name="age", key="age"),
        ),
        rows=tuple(_row(version, now=now) for version in versions),
    )


def counted(number: int, what: str) -> str:
    """Write `1 model`, `2 models`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _row(version: StoredVersion, *, now: int) -> tuple[Cell, ...]:
    tags = version.tags
    score, no_skill = _tag_number(tags, "test_log_loss"), _tag_number(tags, "no_skill")
    roles = [*version.aliases, *(["retired"] if version.retired else [])]
    symbols = model_names(tags, "symbols")
    return (
        version.name,
        str(version.version),
        ", ".join(roles),
        tags.get("scope", ""),
        few(symbols),
        tags.get("timeframe", ""),
        score,
        no_skill,
        no_skill - score,
        _age(tags, now=now),
    )


def plain_version(version: StoredVersion) -> dict[str, Any]:
    """Return a version as plain data."""
    return {
        "name": version.name,
        "version": version.version,
        "aliases": list(version.aliases),
        "retired": version.retired,
        "tags": dict(version.tags),
        "source": version.source,
        "run_id": version.run_id,
    }


def model_names(tags: Mapping[str, str], key: str) -> list[str]:
    """Read a tag that is a list of names."""
    names: list[str] = json.loads(tags.get(key, "[]"))
    return names


def _tag_number(tags: Mapping[str, str], key: str) -> float:
    return float(tags.get(key, "nan"))


def few(names: Sequence[str]) -> str:
    """Write the first names, and how many there are besides."""
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


def heading(version: StoredVersion, *, now: int) -> str:
    """Write which version it is, its roles and age."""
    roles = [*version.aliases, *([f"retired {version.tags['retired']}"] if version.retired else [])]
    age = _age(version.tags, now=now)
    return " · ".join([str(version), *roles, *([f"{age} old"] if age else [])])


def fact_lines(version: StoredVersion, facts: Facts) -> list[str]:
    """Write what a version was trained on, line by line."""
    tags, metadata = version.tags, facts["metadata.json"]
    verdicts = [f"{key.removeprefix('verdict.')}: {text}" for key, text in tags.items() if key.startswith("verdict.")]
    texts = {
        "trained on": f"{few(model_names(tags, 'symbols'))} ({', '.join(model_names(tags, 'asset_classes'))}), "
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


def scores_table(facts: Facts) -> Table:
    """Set the test scores of a version's symbols beside those without skill."""
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
            TableColumn(name="symbol", key="symbol"),
            TableColumn(name="class", key="asset_class"),
            TableColumn(name="train rows", key="train", form=",.0f"),
            TableColumn(name="test rows", key="test", form=",.0f"),
            TableColumn(name=name, key=score, form=".4f"),
            TableColumn(name="no-skill", key=no_skill, form=".4f"),
        ),
        rows=rows,
    )


def _number(data: Mapping[str, Any], key: str) -> float:
    value = data.get(key)
    return math.nan if value is None else float(value)


def difference_table(pairs: Mapping[str, Sequence[Any]], names: Sequence[str]) -> Table:
    """Set facts that differ beside each other."""
    return Table(
        title=f"{counted(len(pairs), 'fact')} of the two versions {'differs' if len(pairs) == 1 else 'differ'}",
        columns=(TableColumn(name="fact", key="fact"), *(TableColumn(name=name, key=name) for name in names)),
        rows=tuple((fact, *map(_shown, pair)) for fact, pair in pairs.items()),
    )


def differing(versions: Sequence[StoredVersion], facts: Sequence[Facts]) -> dict[str, list[Any]]:
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


def incomparable(facts: Sequence[Facts]) -> list[str]:
    """Say why the scores of two versions are of different things, if they are."""
    a, b = (each["metadata.json"] for each in facts)
    spans = [f"{each['spans']['test_from']} .. {each['spans']['test_until']}" for each in (a, b)]
    problems = [] if spans[0] == spans[1] else [f"the test spans differ ({spans[0]} and {spans[1]})"]
    problems += [] if a["label"] == b["label"] else [f"the labels differ ({a['label']} and {b['label']})"]
    kinds = [_score_of(each)[2] for each in (a, b)]
    return problems + ([] if kinds[0] == kinds[1] else [f"one is judged by {kinds[0]}, the other by {kinds[1]}"])


def paired(facts: Sequence[Facts]) -> tuple[dict[str, list[float]], list[str]]:
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


def paired_table(scores: Mapping[str, Sequence[float]], names: Sequence[str]) -> Table:
    """Set the scores of two versions beside each other: see `paired`."""
    return Table(
        title="scores on the same test rows",
        note="less is better; a difference without an interval is no verdict: multisymbol compare",
        columns=(
            TableColumn(name="symbol", key="symbol"),
            TableColumn(name="rows", key="rows", form=",.0f"),
            *(TableColumn(name=name, key=name, form=".4f") for name in names),
            TableColumn(name="second − first", key="difference", form="+.4f"),
            TableColumn(name="no-skill", key="no_skill", form=".4f"),
        ),
        rows=tuple((symbol, rows, a, b, b - a, floor) for symbol, (rows, a, b, floor) in scores.items()),
    )
