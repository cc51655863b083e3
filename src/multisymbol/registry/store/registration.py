"""Making a model's folder a registered version, step by step; what a kill between two steps leaves is never a version.

logged model (PENDING, `registered: no`)  >  files  >  READY, scores  >  version with tags  >  aliases
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from multisymbol.errors import StoreError
from multisymbol.markets.symbols import slug
from multisymbol.registry.store.client import client, milliseconds
from multisymbol.registry.store.queries import list_versions
from multisymbol.registry.store.runs import MAX_DESCRIPTION, MAX_DIGEST, Run, shortened
from multisymbol.registry.store.versions import (
    CANDIDATE_TAG,
    MODEL_TAGS,
    NEWEST,
    StoredVersion,
    SymbolScores,
    VersionTags,
)

MODEL_TYPE = "multisymbol"
"""What MLflow shows as the kind of our logged models."""
REGISTERED_TAG = "registered"
"""Tag of a logged model: `no` until its version exists, and again before that is deleted."""


_MOST_LOOKS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedModel:
    """Files of a model in the store."""

    model_id: str  # MLflow's
    place: str  # where the files lie


def upload(run: Run, folder: Path, *, experiment_id: str, name: str, tags: Mapping[str, str]) -> LoggedModel:
    """Store a model's folder as a logged model of the run."""
    from mlflow.entities import LoggedModelOutput

    asked = client(run.uri)
    model = asked.create_logged_model(
        experiment_id,
        name=name.replace(".", "-"),  # a logged model's name takes no dot
        source_run_id=run.run_id,
        tags={**tags, REGISTERED_TAG: "no"},
        model_type=MODEL_TYPE,
    )
    asked.log_model_artifacts(model.model_id, str(folder))
    asked.log_outputs(run.run_id, [LoggedModelOutput(model.model_id, step=0)])
    asked.finalize_logged_model(model.model_id, "READY")
    return LoggedModel(model_id=model.model_id, place=model.artifact_location)


def log_scores(run: Run, *, model_id: str, scores: Sequence[SymbolScores], pooled: Mapping[str, float]) -> None:
    """Log what a logged model scored, per symbol and over all."""
    from mlflow.entities import Metric

    # The data set is no part of a model metric's key in MLflow, time is: each symbol gets a millisecond of its own. The
    # last one is that of all symbols together, since the run's page shows the latest value of a name.
    first = milliseconds() - len(scores)
    metrics = [
        Metric(key, value, first + index, 0, model_id, slug(row.symbol), row.digest[:MAX_DIGEST])
        for index, row in enumerate(scores)
        for key, value in _finite(row.metrics)
    ]
    metrics += [Metric(key, value, first + len(scores), 0, model_id) for key, value in _finite(pooled)]
    client(run.uri).log_batch(run.run_id, metrics=metrics)


def create_version(run: Run, model: LoggedModel, *, name: str, tags: Mapping[str, str], description: str) -> int:
    """Register a logged model as the next version of a model; return its number."""
    asked = client(run.uri)
    # The place rather than models:/<id>: MLflow looks that up in the store of the process, not in this one.
    made = asked.create_model_version(
        name,
        model.place,
        run_id=run.run_id,
        tags=dict(tags),
        description=shortened(description, limit=MAX_DESCRIPTION),
        model_id=model.model_id,
        await_creation_for=0,
    )
    number = int(made.version)  # text over REST
    link = json.dumps([{"name": name, "version": number}])  # what the logged model's page shows
    asked.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": link, REGISTERED_TAG: "yes"})
    return number


def ensure_model(uri: str, name: str, *, tags: VersionTags) -> None:
    """Make the registered model, unless it is there."""
    from mlflow.exceptions import MlflowException

    texts = tags.to_tags()
    own = {"symbol": tags.symbols[0], "asset_class": tags.asset_classes[0]} if tags.scope == "single" else {}
    whose = f"{tags.symbols[0]} alone" if own else "many symbols, those it has not seen included"
    text = f"Answers for {whose}, {tags.timeframe} bars, strategy {tags.strategy}. The newest version is no champion."
    try:
        client(uri).create_registered_model(name, tags={key: texts[key] for key in MODEL_TAGS} | own, description=text)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def settle_newest(uri: str, name: str) -> None:
    """Let `newest` name the last version that is neither retired nor a candidate; no version, no alias.

    Through a server others write at the same time, and may do so between a look and the change that follows from it. So
    everybody looks again after a change of his own: whoever changes last has seen that it is right.

    Raises:
        StoreError: Others change versions of the model all the time.
    """
    for _ in range(_MOST_LOOKS):
        versions = list_versions(uri, name=name, tags={})
        holder = next((version.version for version in versions if NEWEST in version.aliases), None)
        own = [each.version for each in versions if not each.retired and CANDIDATE_TAG not in each.tags]
        wanted = max(own, default=None)
        if holder == wanted:
            return
        _move_newest(uri, name, wanted=wanted)
    message = f"'{NEWEST}' of {name} does not settle: others change its versions all the time"
    raise StoreError(f"{message}; wait for them, then promote or retire any version of it")


def _move_newest(uri: str, name: str, *, wanted: int | None) -> None:
    from mlflow.exceptions import MlflowException

    try:
        if wanted is None:
            client(uri).delete_registered_model_alias(name, NEWEST)
        else:
            client(uri).set_registered_model_alias(name, NEWEST, str(wanted))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # deleted since we looked
            raise


def model_id_of(version: StoredVersion) -> str:
    """Return MLflow's id of a version's files.

    Raises:
        StoreError: The version was not registered by this project.
    """
    if "model_id" not in version.tags:
        raise StoreError(f"{version} was not registered by this project: it has no tag model_id")
    return version.tags["model_id"]


def _finite(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    # A logged model's metric has no NaN, MLflow would make it 0: what is not finite stays absent.
    return [(key, float(value)) for key, value in metrics.items() if math.isfinite(value)]
