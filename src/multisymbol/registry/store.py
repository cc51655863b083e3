"""The MLflow store: runs, metrics, figures, data sets and registered models; the only importer of mlflow.

MLflow costs 2.5 s to import and its first database 2 to 10 s of migrations, so nothing here imports it before it is
needed, and a store that is prepared says so without it. The SQLite file is set to write-ahead logging once (a metric
then costs 3 ms instead of 28), which the file remembers.
"""

# mlflow is imported where it is used, for the reason above.

import json
import math
import os
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock

from multisymbol.errors import OutputError, StoreError
from multisymbol.markets.instants import Timeframe, iso
from multisymbol.markets.symbols import slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

BUNDLE_FOLDER = "bundle"
"""Folder of the bundle inside a stored model's folder; beside it lie the files MLflow wants, and the card."""
NEWEST = "newest"
"""Alias of the version registered last."""
PARENT_TAG = "mlflow.parentRunId"
MODEL_TAGS = ("strategy", "scope", "timeframe")
"""Tags that are true of all versions of a model."""
MAX_PARAM = 6000
"""Characters of a param's value; MLflow cuts longer ones with a warning (its logger for Lightning at 250, without)."""
MAX_NAME = 250
"""Characters of a registered name: SQLite takes more, other databases do not."""
MAX_DIGEST = 36

# Read once, when mlflow is imported: no telemetry, no page of migration notices before the first run.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFacts:
    """One symbol's bars as MLflow shows them among a run's inputs.

    Args:
        name: Slug of the symbol.
        digest: Fingerprint of the bars; MLflow takes 36 characters at most.
        source: Where they come from.
        profile: Counts and spans, plain data.
    """

    name: str
    digest: str
    source: str
    profile: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolScores:
    """What a model scored on one symbol's test rows.

    Args:
        symbol: Name; MLflow knows it by its slug.
        digest: Fingerprint of its bars, as in `DataFacts`.
        metrics: Name -> value, for example `test_log_loss`.
    """

    symbol: str
    digest: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionTags:
    """What a registered version says of itself: enough to choose among versions without opening a file.

    Args:
        strategy: First part of the name.
        scope: `universal` or `single`.
        timeframe: `1h`.
        asset_classes: Classes it was trained on.
        symbols: Symbols it was trained on.
        feature_digest: Digest of the FeatureSpec.
        label: Name of the labels with their parameters.
        train_from: First decided_at of the train rows.
        train_until: Last resolved_at of the train AND validation rows: what it has seen of the world.
        test_from: First decided_at of the test rows.
        test_until: Last decided_at of the test rows.
        data_digest: Fingerprint of all bars.
        git_commit: Commit of the code, `unknown` outside a repository.
        rows: Train rows of all symbols.
        test_log_loss: Over all test rows, nats; None where the model forecasts no direction.
        no_skill: Log-loss of the better forecast without skill on the same rows; None likewise.
        parent: `NAME/VERSION` it was fine-tuned from, or None.
    """

    strategy: str
    scope: Literal["universal", "single"]
    timeframe: str
    asset_classes: Sequence[str]
    symbols: Sequence[str]
    feature_digest: str
    label: str
    train_from: int
    train_until: int
    test_from: int
    test_until: int
    data_digest: str
    git_commit: str
    rows: int
    test_log_loss: float | None
    no_skill: float | None
    parent: str | None

    def to_tags(self) -> dict[str, str]:
        """Return text for MLflow: lists as sorted JSON, instants as ISO text (sorts as time does); None is no tag."""
        lists = {"asset_classes": self.asset_classes, "symbols": self.symbols}
        spans = ("train_from", "train_until", "test_from", "test_until")
        texts = ("strategy", "scope", "timeframe", "feature_digest", "label", "data_digest", "git_commit", "rows")
        optional = {key: getattr(self, key) for key in ("test_log_loss", "no_skill", "parent")}
        return (
            {key: str(getattr(self, key)) for key in texts}
            | {key: str(value) for key, value in optional.items() if value is not None}
            | {key: json.dumps(sorted(names), ensure_ascii=False) for key, names in lists.items()}
            | {key: iso(getattr(self, key)) for key in spans}
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredVersion:
    """One version of a registered model.

    Args:
        name: Registered name.
        version: Number, from 1.
        tags: As `VersionTags.to_tags` wrote them, and `run_id`, `model_id`.
        aliases: Its roles.
        source: Where its files lie.
        run_id: The run that made it.
    """

    name: str
    version: int
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    source: str
    run_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """Where runs and models are kept.

    Args:
        uri: `sqlite:////absolute/path/mlflow.db`, or the address of an MLflow server.
        artifact_root: Absolute folder for files.
        mlflow_experiment: Name of the MLflow experiment all runs belong to.

    Raises:
        StoreError: A path is not absolute: files would appear wherever the command was started.
    """

    uri: str
    artifact_root: str
    mlflow_experiment: str

    def __post_init__(self) -> None:
        relative = [path for path in (self._database, Path(self.artifact_root)) if path and not path.is_absolute()]
        if relative:
            raise StoreError(f"the store needs absolute paths, got {', '.join(map(str, relative))}")

    @property
    def _database(self) -> Path | None:
        return Path(self.uri.removeprefix("sqlite:///")) if self.uri.startswith("sqlite:") else None

    def prepare(self) -> None:
        """Create folders, database (all migrations, write-ahead log) and MLflow experiment, unless they are there.

        To be called before anything else, once per process; parallel processes wait for the one that creates. The
        database appears whole: it is made beside its place and renamed. A prepared store is recognised without MLflow.

        Raises:
            OutputError: A folder cannot be written.
            StoreError: The database is of another MLflow version or no database, or the experiment keeps its files
                elsewhere or was deleted.
        """
        if self._database is None:
            self._ensure_experiment()
            return
        for folder in (self._database.parent, Path(self.artifact_root)):
            _make_folder(folder)
        if not self._prepared(self._database):
            with FileLock(f"{self._database}.lock"):
                self._create(self._database)

    def open_run(self, name: str | None, *, tags: Mapping[str, str], parent_run_id: str | None = None) -> "Run":
        """Start a run.

        Args:
            name: For people; None: MLflow invents one.
            tags: Facts to search by.
            parent_run_id: The run of the sweep this one belongs to.
        """
        parent = {} if parent_run_id is None else {PARENT_TAG: parent_run_id}
        with _translated(f"a run cannot be opened in {self.uri}"):
            run = _client(self.uri).create_run(self._experiment_id(), run_name=name, tags={**tags, **parent})
        return Run(store=self, run_id=run.info.run_id, name=run.info.run_name)

    def parent_run(self, name: str | None, *, tags: Mapping[str, str]) -> "Run":
        """Start the run that groups the jobs of a sweep, which pass its `run_id` as `parent_run_id`."""
        return self.open_run(name, tags={"sweep": "true", **tags})

    def find_run(self, text: str) -> "FoundRun | None":
        """Look a run up by its id, or by its name (the newest of that name); None where there is none."""
        client = _client(self.uri)
        chosen = "run_id" if re.fullmatch(r"[0-9a-f]{32}", text) else "run_name"
        condition = f"attributes.{chosen} = '{text.replace(chr(39), '')}'"
        with _translated(f"run {text} cannot be looked up in {self.uri}"):
            found = client.search_runs([self._experiment_id()], condition, max_results=1)
        if not found:
            return None
        run = found[0]
        return FoundRun(run_id=run.info.run_id, name=run.info.run_name, status=run.info.status, tags=run.data.tags)

    def runs_tagged(self, key: str) -> dict[str, str]:
        """Return the names of the runs that carry a tag, with its value, newest first."""
        with _translated(f"runs cannot be listed in {self.uri}"):
            found = _client(self.uri).search_runs([self._experiment_id()], f"tags.{key} LIKE '%'")
        return {run.info.run_name: run.data.tags[key] for run in found}

    def unfinished_runs(self) -> list[str]:
        """Name the runs that did not end as FINISHED, newest first."""
        with _translated(f"runs cannot be listed in {self.uri}"):
            found = _client(self.uri).search_runs([self._experiment_id()], "attributes.status != 'FINISHED'")
        return [run.info.run_name for run in found]

    def resume_run(self, run_id: str) -> "Run":
        """Open a run again, to go on with it.

        Raises:
            StoreError: There is no such run.
        """
        with _translated(f"run {run_id} cannot be resumed from {self.uri}"):
            run = _client(self.uri).get_run(run_id)
            _client(self.uri).update_run(run_id, status="RUNNING")
        return Run(store=self, run_id=run_id, name=run.info.run_name)

    def register(
        self,
        run: "Run",
        folder: Path,
        *,
        name: str,
        tags: VersionTags,
        scores: Sequence[SymbolScores],
        pooled: Mapping[str, float],
        aliases: Sequence[str] = (NEWEST,),
    ) -> StoredVersion:
        """Store a model's folder as a logged model of the run and as the next version of a registered model.

        The version carries its tags from birth and gets its aliases last: whoever asks by alias never meets half a
        version. An alias moves forward only, so of two processes that register at once the higher version keeps it.

        Args:
            run: The run that made the model.
            folder: The stored model as it will lie in the store: `bundle/`, as `write_bundle` wrote it, and beside it
                the files of MLflow's flavour and the card. All of it is uploaded.
            name: From `model_name`.
            tags: What the version says of itself.
            scores: Per symbol; `search_logged_models` finds them by data set.
            pooled: The same metrics over all symbols: what the run's page shows under these names.
            aliases: Roles the version takes.

        Raises:
            StoreError: A name or alias MLflow refuses, a folder without a bundle, or the store fails.
        """
        _check_names(name, aliases)
        if not (folder / BUNDLE_FOLDER).is_dir():
            raise StoreError(f"{folder} holds no '{BUNDLE_FOLDER}' folder; write the bundle into it first")
        with _translated(f"{name} cannot be registered in {self.uri}"):
            model_id, source = self._log_model(run, folder, name=name, tags=tags)
            _log_scores(run, model_id=model_id, scores=scores, pooled=pooled)
            with self._registration_lock():
                return self._create_version(run, model_id, source=source, name=name, tags=tags, aliases=aliases)

    def find(self, name: str, *, alias: str | None = None, version: int | None = None) -> StoredVersion | None:
        """Look a version up by exactly one of alias and number; None where there is no such model, alias or version.

        Raises:
            StoreError: A name or alias MLflow refuses, or the store fails.
        """
        if (alias is None) == (version is None):
            raise StoreError(f"{name}: ask by alias or by version, one of them")
        _check_names(name, () if alias is None else (alias,))
        with _translated(f"{name} cannot be looked up in {self.uri}"):
            return _look_up(_client(self.uri), name, alias=alias, version=version)

    def download(self, version: StoredVersion) -> Path:
        """Return the local folder of a version's bundle, fetched from a server where need be; not yet verified.

        Raises:
            StoreError: The files are gone.
        """
        from mlflow.artifacts import download_artifacts

        message = f"the files of {version.name} version {version.version} are not at {version.source}"
        with _translated(message):
            try:
                path = download_artifacts(f"{version.source}/{BUNDLE_FOLDER}", tracking_uri=self.uri)
            except OSError as error:
                raise StoreError(f"{message}: {error.strerror or error}") from error
        return Path(path)

    def _prepared(self, database: Path) -> bool:
        """Whether the database holds the experiment, which is made last; checks where its files go."""
        if not database.exists():
            return False
        if not os.access(database, os.W_OK):
            raise OutputError(f"{database} cannot be written")
        query = "SELECT artifact_location, lifecycle_stage FROM experiments WHERE name = ?"
        try:
            with closing(sqlite3.connect(database)) as connection:
                wal = connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
                found = connection.execute(query, (self.mlflow_experiment,)).fetchone()
        except sqlite3.OperationalError:  # no such table: an empty file
            return False
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{database} is not a database: {error}") from error
        if found is not None:
            self._check_experiment(*found)
        return wal and found is not None

    def _check_experiment(self, location: str, stage: str) -> None:
        if stage != "active":
            message = (
                f"the MLflow experiment '{self.mlflow_experiment}' in {self.uri} was deleted; restore it, or choose"
            )
            raise StoreError(f"{message} another name (registry.mlflow_experiment)")
        kept = Path(location.removeprefix("file://"))
        if kept.resolve() != Path(self.artifact_root).resolve():
            message = f"the MLflow experiment '{self.mlflow_experiment}' in {self.uri} keeps its files in {kept},"
            cure = "put the folder back, or choose another experiment (registry.mlflow_experiment)"
            raise StoreError(f"{message} not in {self.artifact_root} (was it moved?); {cure}")

    def _create(self, database: Path) -> None:
        with _translated(f"the store {self.uri} cannot be made"):
            if not database.exists():
                draft = database.with_name(f"{database.name}.draft")
                draft.unlink(missing_ok=True)
                _migrate(draft, artifact_root=self.artifact_root)
                draft.replace(database)
            _write_ahead(database)
        self._ensure_experiment()

    def _ensure_experiment(self) -> None:
        from mlflow.exceptions import MlflowException

        client = _client(self.uri)
        # An MLflow server keeps files where it was told to at its start.
        location = None if self._database is None else self.artifact_root
        with _translated(f"the MLflow experiment '{self.mlflow_experiment}' cannot be made in {self.uri}"):
            if client.get_experiment_by_name(self.mlflow_experiment) is not None:
                return
            try:
                client.create_experiment(self.mlflow_experiment, artifact_location=location)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def _experiment_id(self) -> str:
        experiment = _client(self.uri).get_experiment_by_name(self.mlflow_experiment)
        if experiment is None:
            raise StoreError(f"{self.uri} has no MLflow experiment '{self.mlflow_experiment}'; call prepare() first")
        return str(experiment.experiment_id)

    def _registration_lock(self) -> AbstractContextManager[object]:
        # Two processes that register at once would race for the version number (MLflow gives up after three tries).
        return nullcontext() if self._database is None else FileLock(f"{self._database}.registration.lock")

    def _log_model(self, run: "Run", folder: Path, *, name: str, tags: VersionTags) -> tuple[str, str]:
        """Upload the folder as a logged model; return its id and the place of its files."""
        from mlflow.entities import LoggedModelOutput

        client = _client(self.uri)
        model = client.create_logged_model(
            self._experiment_id(),
            name=name.replace(".", "-"),  # a logged model's name takes no dot
            source_run_id=run.run_id,
            tags=tags.to_tags(),
            model_type="multisymbol",
        )
        client.log_model_artifacts(model.model_id, str(folder))
        client.log_outputs(run.run_id, [LoggedModelOutput(model.model_id, step=0)])
        client.finalize_logged_model(model.model_id, "READY")
        return model.model_id, model.artifact_location

    def _create_version(
        self, run: "Run", model_id: str, *, source: str, name: str, tags: VersionTags, aliases: Sequence[str]
    ) -> StoredVersion:
        client = _client(self.uri)
        _ensure_model(client, name, tags=tags)
        facts = tags.to_tags() | {"run_id": run.run_id, "model_id": model_id}
        # The place rather than models:/<id>: MLflow looks that up in the store of the process, not in this one.
        made = client.create_model_version(
            name, source, run_id=run.run_id, tags=facts, model_id=model_id, await_creation_for=0
        )
        number = int(made.version)
        versions = json.dumps([{"name": name, "version": number}])
        client.set_logged_model_tags(model_id, {"mlflow.modelVersions": versions})  # the link on the model's page
        for alias in aliases:
            held = _look_up(client, name, alias=alias, version=None)
            if held is None or held.version < number:
                client.set_registered_model_alias(name, alias, str(number))
        stored = _look_up(client, name, alias=None, version=number)
        assert stored is not None
        return stored


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRun:
    """A run as it was left.

    Args:
        run_id: MLflow's.
        name: For people.
        status: RUNNING (also after kill -9), FINISHED, FAILED or KILLED.
        tags: As set by whoever opened it.
    """

    run_id: str
    name: str
    status: str
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """An open run; every call names it explicitly, none depends on the process's active run.

    Args:
        store: Where it is kept.
        run_id: MLflow's.
        name: For people.
    """

    store: Store
    run_id: str
    name: str

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log flat params, once; what a resumed run would change is kept and noted in the tag `param_drift`.

        Raises:
            StoreError: A value has more than 6000 characters (all of them listed), or the store fails.
        """
        from mlflow.entities import Param

        texts = {key: str(value) for key, value in params.items()}
        if too_long := [f"{key} ({len(text):,})" for key, text in texts.items() if len(text) > MAX_PARAM]:
            message = f"params longer than {MAX_PARAM} characters: {', '.join(too_long)}; log them as an artifact"
            raise StoreError(message)
        with self._asking("params") as client:
            known = client.get_run(self.run_id).data.params
            drift = {key: [known[key], text] for key, text in texts.items() if known.get(key, text) != text}
            client.log_batch(self.run_id, params=[Param(key, texts[key]) for key in texts if key not in known])
        if drift:
            self.set_tags({"param_drift": json.dumps(drift, ensure_ascii=False)})

    def log_metrics(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Log numbers in one transaction. NaN stays NaN; MLflow turns an infinity into the largest float."""
        from mlflow.entities import Metric

        now = _milliseconds()
        with self._asking("metrics") as client:
            client.log_batch(
                self.run_id, metrics=[Metric(key, float(value), now, step) for key, value in metrics.items()]
            )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, in one transaction."""
        from mlflow.entities import RunTag

        with self._asking("tags") as client:
            client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def log_text(self, text: str, *, path: str) -> None:
        """Store text as the artifact `path`, such as `tables/symbols.csv`."""
        with self._asking(path) as client:
            client.log_text(self.run_id, text, path)

    def log_json(self, data: Mapping[str, Any], *, path: str) -> None:
        """Store plain data as the artifact `path`, in the order it has."""
        self.log_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", path=path)

    def log_figure(self, figure: "Figure", *, path: str) -> None:
        """Store a figure as the artifact `path`, whose ending is the format."""
        with self._asking(path) as client:
            client.log_figure(self.run_id, figure, path)

    def log_file(self, file: Path, *, folder: str | None = None) -> None:
        """Store a copy of a file, in `folder` of the run's artifacts."""
        with self._asking(str(file)) as client:
            client.log_artifact(self.run_id, str(file), folder)

    def log_inputs(self, facts: Sequence[DataFacts], *, context: str) -> None:
        """Note the data a run used.

        Args:
            facts: One per symbol.
            context: What for, such as `train` or `test`.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(
                    name=fact.name,
                    digest=fact.digest[:MAX_DIGEST],
                    source_type="local",
                    source=json.dumps({"uri": fact.source}),
                    profile=json.dumps(fact.profile, ensure_ascii=False),
                ),
                tags=[InputTag("mlflow.data.context", context)],
            )
            for fact in facts
        ]
        with self._asking("inputs") as client:
            client.log_inputs(self.run_id, datasets=inputs)

    def finish(self, status: Status = "FINISHED") -> None:
        """End the run."""
        with self._asking("its end") as client:
            client.set_terminated(self.run_id, status)

    @contextmanager
    def _asking(self, what: str) -> Iterator["MlflowClient"]:
        with _translated(f"{what} of run {self.name} cannot be stored in {self.store.uri}"):
            yield _client(self.store.uri)


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
    _check_names(name, ())
    return name


def _check_names(name: str, aliases: Iterable[str]) -> None:
    """Refuse what MLflow, one of its databases or a path would refuse or confuse."""
    problems = []
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", name) or len(name) > MAX_NAME:
        problems.append(f"'{name}' cannot name a model; use model_name(), at most {MAX_NAME} characters")
    for alias in aliases:
        reserved = alias.lower() == "latest" or re.fullmatch(r"[vV][0-9]+", alias)
        if reserved or not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", alias):
            problems.append(f"'{alias}' cannot be an alias; use letters, digits, _ and -, not 'latest', not 'v1'")
    if problems:
        raise StoreError("\n".join(problems))


def _ensure_model(client: "MlflowClient", name: str, *, tags: VersionTags) -> None:
    from mlflow.exceptions import MlflowException

    texts = tags.to_tags()
    own = {"symbol": tags.symbols[0], "asset_class": tags.asset_classes[0]} if tags.scope == "single" else {}
    try:
        client.create_registered_model(name, tags={key: texts[key] for key in MODEL_TAGS} | own)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _log_scores(run: Run, *, model_id: str, scores: Sequence[SymbolScores], pooled: Mapping[str, float]) -> None:
    from mlflow.entities import Metric

    # The data set is no part of a model metric's key in MLflow, time is: each symbol gets a millisecond of its own. The
    # last one is that of all symbols together, since the run's page shows the latest value of a name.
    first = _milliseconds() - len(scores)
    metrics = [
        Metric(key, value, first + index, 0, model_id, slug(row.symbol), row.digest[:MAX_DIGEST])
        for index, row in enumerate(scores)
        for key, value in _finite(row.metrics)
    ]
    metrics += [Metric(key, value, first + len(scores), 0, model_id) for key, value in _finite(pooled)]
    _client(run.store.uri).log_batch(run.run_id, metrics=metrics)


def _finite(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    # A logged model's metric has no NaN, MLflow would make it 0: what is not finite stays absent.
    return [(key, float(value)) for key, value in metrics.items() if math.isfinite(value)]


def _look_up(client: "MlflowClient", name: str, *, alias: str | None, version: int | None) -> StoredVersion | None:
    from mlflow.exceptions import MlflowException

    # Missing model or version: RESOURCE_DOES_NOT_EXIST; missing alias: INVALID_PARAMETER_VALUE, which means nothing
    # else here, as names and aliases were checked before.
    absent = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE") if alias else ("RESOURCE_DOES_NOT_EXIST",)
    try:
        if alias is None:
            return _stored_version(client.get_model_version(name, str(version)))
        return _stored_version(client.get_model_version_by_alias(name, alias))
    except MlflowException as error:
        if error.error_code in absent:
            return None
        raise


def _stored_version(found: "ModelVersion") -> StoredVersion:
    return StoredVersion(
        name=found.name,
        version=int(found.version),  # text over REST
        tags=dict(found.tags),
        aliases=tuple(found.aliases),
        source=found.source or "",
        run_id=found.run_id or "",
    )


@lru_cache
def _client(uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def _translated(message: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise StoreError(f"{message}: {error.message}") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be made: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {folder} cannot be written")


def _migrate(database: Path, *, artifact_root: str) -> None:
    """Make a database with all of MLflow's tables."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    # The store itself rather than a client: that would point MLflow's default experiment at ./mlruns.
    store: Any = SqlAlchemyStore  # its constructor is untyped
    store(f"sqlite:///{database}", artifact_root).engine.dispose()


def _write_ahead(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
