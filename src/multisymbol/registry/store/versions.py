"""What a registered version is called and says of itself: enough to choose among versions without opening a file."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from multisymbol.errors import StoreError
from multisymbol.markets.provenance import Provenance
from multisymbol.markets.symbols import slug
from multisymbol.markets.time import Timeframe, iso

Candidate: TypeAlias = Literal["sweep", "fold", "comparison", "import"]

NEWEST = "newest"
"""Alias of the version that was trained last by a command of its own and is not retired."""
CHAMPION = "champion"
"""Alias of the version that answers."""
RETIRED_TAG = "retired"
"""Tag of a version that answers no more; its value is the instant it was retired at."""
CANDIDATE_TAG = "candidate"
"""Tag of a version that answers only as champion; its value says what it was registered by."""
PROVENANCE_TAG = "provenance"
"""Tag: whether a version was trained on `real` or `synthetic` bars; versions of earlier releases have none."""
MODEL_TAGS = ("strategy", "scope", "timeframe")
"""Tags that are true of all versions of a model."""
_JUDGED_BY = (("test_log_loss", "no_skill", "log-loss"), ("test_huber", "test_zero_huber", "Huber loss"))
"""Tags with a version's score and that of the forecast without skill, and the score's name."""
MAX_NAME = 250
"""Characters of a registered name: SQLite takes more, other databases do not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolScores:
    """What a model scored on one symbol's test rows."""

    symbol: str  # name; MLflow knows it by its slug
    digest: str  # fingerprint of its bars, as in `DataFacts`
    metrics: Mapping[str, float]  # name -> value, for example `test_log_loss`


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionTags:
    """What a version says of itself from the moment it exists."""

    strategy: str  # first part of the name
    scope: Literal["universal", "single"]  # `universal` or `single`
    timeframe: str  # `1h`
    asset_classes: Sequence[str]  # classes it was trained on
    symbols: Sequence[str]  # symbols it was trained on
    feature_digest: str  # digest of the FeatureSpec
    label: str  # name of the labels with their parameters
    train_from: int  # first decided_at of the train rows
    train_until: int  # last resolved_at of the train AND validation rows: what it has seen of the world
    test_from: int  # first decided_at of the test rows
    test_until: int  # last decided_at of the test rows
    data_digest: str  # fingerprint of all bars
    git_commit: str  # commit of the code, `unknown` outside a repository
    rows: int  # train rows of all symbols
    test_log_loss: float | None  # over all test rows, nats; None where the model forecasts no direction
    no_skill: float | None  # log-loss of the better forecast without skill on the same rows; None likewise
    parent: str | None  # `NAME/VERSION` it was fine-tuned from, or None
    test_huber: float | None = None  # Huber loss over all test rows; None where the model forecasts no return
    test_zero_huber: float | None = None  # that of the forecast of no return; None likewise
    provenance: Provenance = "real"  # whether its bars were real or generated
    source: str | None = None  # class of the source of its bars; None where it is not known
    # what registered it (`sweep`, `fold`, `comparison`, `import`), where that was not a training of its own: it then
    # answers only once it is promoted; None: it may answer at once
    candidate: Candidate | None = None

    def to_tags(self) -> dict[str, str]:
        """Return text for MLflow: lists as sorted JSON, instants as ISO text (sorts as time does).

        None, and a score that is not finite, is no tag.
        """
        lists = {"asset_classes": self.asset_classes, "symbols": self.symbols}
        spans = ("train_from", "train_until", "test_from", "test_until")
        texts = ("strategy", "scope", "timeframe", "feature_digest", "label", "data_digest", "git_commit", "rows")
        scores = {key: getattr(self, key) for keys in _JUDGED_BY for key in keys[:2]}
        return (
            {key: str(getattr(self, key)) for key in texts}
            | {key: json.dumps(sorted(names), ensure_ascii=False) for key, names in lists.items()}
            | {key: iso(getattr(self, key)) for key in spans}
            | {key: str(value) for key, value in scores.items() if value is not None and math.isfinite(value)}
            | {key: value for key in ("parent", "source", CANDIDATE_TAG) if (value := getattr(self, key)) is not None}
            | {PROVENANCE_TAG: self.provenance}
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredVersion:
    """One version of a registered model."""

    name: str  # registered name
    version: int  # number, from 1
    # as `VersionTags.to_tags` wrote them, and `run_id`, `model_id`, `files_digest`, `registered_at`
    tags: Mapping[str, str]
    aliases: tuple[str, ...]  # its roles, sorted
    source: str  # where its files lie
    run_id: str  # the run that made it

    @property
    def retired(self) -> bool:
        """Whether it answers no more."""
        return RETIRED_TAG in self.tags

    @property
    def promoted(self) -> bool:
        """Whether somebody made it the champion."""
        return CHAMPION in self.aliases

    @property
    def serves(self) -> bool:
        """Whether it may answer: not retired, and no candidate that nobody promoted."""
        return not self.retired and (self.promoted or CANDIDATE_TAG not in self.tags)

    @property
    def provenance(self) -> Provenance | None:
        """What its bars were; None where only its files say it (`Store.known_provenance`)."""
        text = self.tags.get(PROVENANCE_TAG)
        return None if text is None else "synthetic" if text == "synthetic" else "real"

    @property
    def without_skill(self) -> str | None:
        """Say that it has shown no skill on its test rows; None where it has, or its tags have no scores."""
        for score, reference, name in _JUDGED_BY:
            if {score, reference} <= self.tags.keys():
                scored, floor = float(self.tags[score]), float(self.tags[reference])
                if lacks_skill(1 - scored / floor if floor else math.nan):
                    side = "above" if scored > floor else "no better than"
                    worth = f"its test {name} {scored:.4f} is {side} that of the forecast without skill, {floor:.4f}"
                    return f"{self} has shown no skill: {worth}"
        return None

    @property
    def reference(self) -> str:
        """`NAME/3`, as commands take it."""
        return f"{self.name}/{self.version}"

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


def lacks_skill(skill: float) -> bool:
    """Whether a model is no better than a forecast that needs no skill; NaN is no skill shown.

    Args:
        skill: 1 - the model's loss / that of the forecast.
    """
    return not skill > 0


def model_name(strategy: str, *, timeframe: str, symbol: str | None = None) -> str:
    """Name a registered model: `{strategy}.{timeframe}.universal` or `{strategy}.{timeframe}.sym.{slug}`.

    Raises:
        StoreError: The strategy has other characters than letters, digits, `_` and `-`, or the name is too long.
        ConfigError: The timeframe is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", strategy):
        raise StoreError(f"strategy '{strategy}' cannot name a model; use letters, digits, _ and -")
    last = "universal" if symbol is None else f"sym.{slug(symbol)}"
    name = f"{strategy}.{Timeframe.parse(timeframe).text}.{last}"
    check_names(name, ())
    return name


def check_names(name: str, aliases: Iterable[str]) -> None:
    """Refuse what MLflow, one of its databases or a path would refuse or confuse.

    Raises:
        StoreError: With all of them.
    """
    problems = []
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", name) or len(name) > MAX_NAME:
        problems.append(f"'{name}' cannot name a model; use model_name(), at most {MAX_NAME} characters")
    for alias in aliases:
        reserved = alias.lower() == "latest" or re.fullmatch(r"[vV][0-9]+", alias)
        if reserved or not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", alias):
            problems.append(f"'{alias}' cannot be an alias; use letters, digits, _ and -, not 'latest', not 'v1'")
    if problems:
        raise StoreError("\n".join(problems))
