"""What is shown of stored versions: lines and tables, and which scores may stand beside each other."""

import json
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from multisymbol.markets.provenance import SYNTHETIC
from multisymbol.markets.time import DAY, HOUR, MINUTE, instant
from multisymbol.registry.store.versions import CANDIDATE_TAG, StoredVersion
from multisymbol.reports.tables.scores import score
from multisymbol.reports.tables.table import Column, Table, column, plain_table, tabulate
from multisymbol.serving.metrics import ScoreMetric, kind_of
from multisymbol.wording import counted, few, short_path

Facts = Mapping[str, Mapping[str, Any]]
"""The JSON files of a bundle by name."""
_OWN_TAGS = {"run_id", "model_id", "registered_at", "files_digest", "imported_from", "original_run_id"}
"""Tags that differ between any two versions and say nothing about the models."""
_BULKY = {"symbol_configs", "symbols", "asset_class", "features"}
"""Parts of a configuration whose difference shows in the tags: symbols, features."""


def list_table(versions: Sequence[StoredVersion], *, now: int, synthetic: Collection[str] = ()) -> Table:
    """List versions with their roles, what they were trained on, and their test score beside that without skill.

    Args:
        versions: By name and number.
        now: From which ages are counted.
        synthetic: Versions, as `NAME/3`, that were trained on generated bars: where there are any, that comes first.
    """
    bars = column("bars", of=lambda version: SYNTHETIC if version.reference in synthetic else "real")
    names = len({version.name for version in versions})

    def tag(name: str, key: str, spare: int = 0) -> Column:
        return column(name, ".4f", key=key, spare=spare, of=lambda version: _tag_number(version.tags, key))

    return tabulate(
        f"{counted(len(versions), 'version')} of {counted(names, 'model')}",
        versions,
        *([bars] if synthetic else []),
        column("model", of="name"),
        column("version", of=lambda version: str(version.version)),
        column("aliases", of=lambda version: ", ".join(_standing(version))),
        column("scope", of=lambda version: version.tags.get("scope", ""), spare=2),
        column("symbols", of=lambda version: few(model_names(version.tags, "symbols")), spare=1),
        column("timeframe", of=lambda version: version.tags.get("timeframe", ""), spare=4),
        tag("test", "test_log_loss"),
        tag("no-skill", "no_skill", 3),
        column("better by", "+.4f", of=_better_by),
        column("age", of=lambda version: _age(version.tags, now=now)),
        note="test log-loss, and that of the better forecast without skill on the same rows",
    )


def _standing(version: StoredVersion) -> list[str]:
    """Return the roles of a version, or why it has none."""
    if version.retired:
        return [*version.aliases, "retired"]
    return list(version.aliases) if version.serves else [*version.aliases, f"candidate ({version.tags[CANDIDATE_TAG]})"]


def _better_by(version: StoredVersion) -> float:
    return _tag_number(version.tags, "no_skill") - _tag_number(version.tags, "test_log_loss")


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


def _age(tags: Mapping[str, str], *, now: int) -> str:
    """Write how long ago a version was registered in the largest unit that fits."""
    if "registered_at" not in tags:
        return ""
    passed = max(0, now - instant(tags["registered_at"]))
    units = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", 1_000_000_000))
    unit, length = next((each for each in units if passed >= each[1]), units[-1])
    return f"{passed // length:,} {unit}"


def heading(version: StoredVersion, *, now: int, synthetic: bool) -> str:
    """Write which version it is, its roles and age; that its bars were generated comes first."""
    roles = [*version.aliases, *([f"retired {version.tags['retired']}"] if version.retired else [])]
    age = _age(version.tags, now=now)
    mark = [SYNTHETIC] if synthetic else []
    return " · ".join([*mark, str(version), *roles, *([f"{age} old"] if age else [])])


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
        "files": f"{short_path(Path(version.source))} ({tags.get('files_digest', 'no digest')[:16]})",
    }
    return [f"{name:<11}{text}" for name, text in texts.items() if text not in {None, ""}]


def scores_table(facts: Facts) -> Table:
    """Set the test scores of a version's symbols beside those without skill."""
    metadata, symbols = facts["metadata.json"], facts["symbols.json"]["symbols"]
    kind, by_symbol = kind_of(metadata), metadata.get("test_by_symbol", {})

    def test_score(metric: ScoreMetric) -> Column:
        return column(
            metric.heading, ".4f", key=metric.key, of=lambda item: score(by_symbol.get(item[0], {}), metric.key)
        )

    return tabulate(
        "scores on the test rows",
        symbols.items(),
        column("symbol", of=lambda item: item[0]),
        column("class", key="asset_class", of=lambda item: str(item[1].get("asset_class", ""))),
        column("train rows", ",.0f", key="train", of=lambda item: score(item[1], "train")),
        column("test rows", ",.0f", key="test", of=lambda item: score(item[1], "test")),
        test_score(kind.loss),
        test_score(kind.reference),
    )


def difference_table(pairs: Mapping[str, Sequence[Any]], names: Sequence[str]) -> Table:
    """Set facts that differ beside each other."""
    rows = [(fact, *map(_shown, pair)) for fact, pair in pairs.items()]
    title = f"{counted(len(pairs), 'fact')} of the two versions {'differs' if len(pairs) == 1 else 'differ'}"
    return plain_table(title, rows, "fact", *_distinct(names))


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Name the second version so that it differs from the first where a version is compared with itself."""
    first, second = names
    return (first, second if second != first else f"{second} again")


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
    kinds = [kind_of(each).loss.heading for each in (a, b)]
    return problems + ([] if kinds[0] == kinds[1] else [f"one is judged by {kinds[0]}, the other by {kinds[1]}"])


def paired(facts: Sequence[Facts]) -> tuple[dict[str, list[float]], list[str]]:
    """Pair the scores of symbols that both versions were tested on, on the same rows of the same bars.

    Returns:
        Symbol -> rows, score of the first, score of the second, score without skill; and the symbols left out.
    """
    a, b = (each["metadata.json"] for each in facts)
    kind = kind_of(a)
    scores, left_out = {}, []
    for symbol in dict.fromkeys([*a["test_by_symbol"], *b["test_by_symbol"]]):
        of = [each["test_by_symbol"].get(symbol, {}) for each in (a, b)]
        rows = [each.get("test_rows") for each in of]
        bars = [each["bars"].get(symbol) for each in (a, b)]
        if rows[0] is None or rows[0] != rows[1] or bars[0] != bars[1]:
            left_out.append(symbol)
            continue
        scores[symbol] = [rows[0], *(score(each, kind.loss.key) for each in of), score(of[0], kind.reference.key)]
    return scores, left_out


def paired_table(scores: Mapping[str, Sequence[float]], names: Sequence[str]) -> Table:
    """Set the scores of two versions beside each other: see `paired`."""
    first, second = _distinct(names)
    return tabulate(
        "scores on the same test rows",
        ((symbol, *of) for symbol, of in scores.items()),
        column("symbol", of=itemgetter(0)),
        column("rows", ",.0f", of=itemgetter(1)),
        column(first, ".4f", of=itemgetter(2)),
        column(second, ".4f", of=itemgetter(3)),
        column("second − first", "+.4f", key="difference", of=lambda item: item[3] - item[2]),
        column("no-skill", ".4f", of=itemgetter(4)),
        note="less is better; a difference without an interval is no verdict: multisymbol compare",
    )
