"""The MLflow store: where runs and registered models are kept.

Nothing here imports MLflow before it is needed: a prepared store is recognised, and versions are found, without it.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from multisymbol.errors import BundleError, OutputError, StoreError
from multisymbol.markets.provenance import SYNTHETIC, Provenance, configured_provenance
from multisymbol.markets.time import iso
from multisymbol.progress import complain
from multisymbol.registry.bundle.files import BUNDLE_FOLDER, files_digest
from multisymbol.registry.store.client import client, is_server, milliseconds, translated
from multisymbol.registry.store.database import database_of, experiment_in, make_database, move_places
from multisymbol.registry.store.fetching import delete_place, fetched, local_folder
from multisymbol.registry.store.processes import this_process
from multisymbol.registry.store.queries import list_versions
from multisymbol.registry.store.registration import (
    REGISTERED_TAG,
    create_version,
    ensure_model,
    log_scores,
    model_id_of,
    settle_newest,
    upload,
)
from multisymbol.registry.store.runs import MAX_TAG, NOTE_TAG, DataFacts, FoundRun, Run, Status, shortened
from multisymbol.registry.store.versions import (
    NEWEST,
    RETIRED_TAG,
    StoredVersion,
    SymbolScores,
    VersionTags,
    check_names,
    model_name,
)

__all__ = [
    "BUNDLE_FOLDER",
    "NEWEST",
    "DataFacts",
    "FoundRun",
    "Run",
    "Status",
    "Store",
    "StoredVersion",
    "SymbolScores",
    "VersionTags",
    "model_name",
]

PARENT_TAG = "mlflow.parentRunId"
PROCESS_TAG = "process"
"""Tag of a run: the process that works on it, by which cleanup distinguishes a running process from a killed one."""


_EXPERIMENT_TAGS: Mapping[str, str] = {
    "mlflow.experimentKind": "custom_model_development",  # the page for trained models, not that for agents
    NOTE_TAG: (
        "One run for each model. Columns to show: `test/log_loss`, `test/no_skill_log_loss`, `test/skill`, "
        "`test/balanced_accuracy`, parameters `mode`, `symbol`, `model`, `seed`; group by `mode`. A score says nothing "
        "without that of the forecast without skill on the same rows."
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """Where runs and models are kept.

    Raises:
        StoreError: A path is not absolute: files would appear wherever the command was started. Or the address is
            neither of the two.
    """

    uri: str  # `sqlite:////absolute/path/mlflow.db`, or the address of an MLflow server, `http://HOST:PORT`
    artifact_root: str  # absolute folder for files; of those a server has, for copies
    mlflow_experiment: str  # name of the MLflow experiment all runs belong to

    def __post_init__(self) -> None:
        relative = [path for path in (self.database, Path(self.artifact_root)) if path and not path.is_absolute()]
        if relative:
            raise StoreError(f"the store needs absolute paths, got {', '.join(map(str, relative))}")
        if self.database is None and not is_server(self.uri):
            message = (
                f"{self.uri} is no address of a store; write sqlite:////absolute/path/mlflow.db, or that of an MLflow"
            )
            raise StoreError(f"{message} server, http://HOST:PORT (which may keep its tables in any database)")

    @classmethod
    def of(cls, registry: Mapping[str, Any]) -> "Store":
        """Return the store that a page of `conf/registry` names, prepared or not.

        Raises:
            StoreError: It names none.
        """
        return cls(
            uri=registry["uri"], artifact_root=registry["artifacts"], mlflow_experiment=registry["mlflow_experiment"]
        )

    @property
    def database(self) -> Path | None:
        """The SQLite file, None for a server."""
        return database_of(self.uri)

    def prepare(self) -> None:
        """Create folders, database (all migrations, write-ahead log) and MLflow experiment, unless they are there.

        To be called before anything else, once per process; parallel processes wait for the one that creates. The
        database appears whole: it is made beside its place and renamed. A prepared store is recognised without MLflow.

        Raises:
            OutputError: A folder cannot be written.
            StoreError: The database is of another MLflow version or no database, or the experiment keeps its files
                elsewhere or was deleted.
        """
        if self.database is None:
            self._ensure_experiment()
            return
        for folder in (self.database.parent, Path(self.artifact_root)):
            _make_folder(folder)
        if not self._prepared(self.database):
            with FileLock(f"{self.database}.lock"), translated(f"the store {self.uri} cannot be made"):
                make_database(self.database, artifact_root=self.artifact_root)
                self._ensure_experiment()

    def open_run(self, name: str | None, *, tags: Mapping[str, str], parent_run_id: str | None = None) -> Run:
        """Start a run.

        Args:
            name: For people; None: MLflow invents one.
            tags: Facts to search by.
            parent_run_id: The run of the sweep this one belongs to.
        """
        parent = {} if parent_run_id is None else {PARENT_TAG: parent_run_id}
        whole = {key: shortened(text, limit=MAX_TAG) for key, text in tags.items()}
        whole |= {**parent, PROCESS_TAG: this_process()}
        with translated(f"a run cannot be opened in {self.uri}"):
            run = client(self.uri).create_run(self.experiment_id(), run_name=name, tags=whole)
        return Run(uri=self.uri, run_id=run.info.run_id, name=run.info.run_name)

    def parent_run(self, name: str | None, *, tags: Mapping[str, str]) -> Run:
        """Start the run that groups the jobs of a sweep, which pass its `run_id` as `parent_run_id`."""
        return self.open_run(name, tags={"sweep": "true", **tags})

    def find_run(self, text: str) -> FoundRun | None:
        """Look a run up by its id, or by its name (the newest of that name); None where there is none."""
        chosen = "run_id" if re.fullmatch(r"[0-9a-f]{32}", text) else "run_name"
        condition = f"attributes.{chosen} = '{text.replace(chr(39), '')}'"
        with translated(f"run {text} cannot be looked up in {self.uri}"):
            found = client(self.uri).search_runs([self.experiment_id()], condition, max_results=1)
        if not found:
            return None
        run = found[0]
        return FoundRun(run_id=run.info.run_id, name=run.info.run_name, status=run.info.status, tags=run.data.tags)

    def runs_tagged(self, key: str) -> dict[str, str]:
        """Return the names of the runs that carry a tag, with its value, newest first."""
        with translated(f"runs cannot be listed in {self.uri}"):
            found = client(self.uri).search_runs([self.experiment_id()], f"tags.{key} LIKE '%'")
        return {run.info.run_name: run.data.tags[key] for run in found}

    def unfinished_runs(self) -> list[str]:
        """Name the runs that did not end as FINISHED, newest first."""
        with translated(f"runs cannot be listed in {self.uri}"):
            found = client(self.uri).search_runs([self.experiment_id()], "attributes.status != 'FINISHED'")
        return [run.info.run_name for run in found]

    def resume_run(self, run_id: str) -> Run:
        """Open a run again, to continue it.

        Raises:
            StoreError: There is no such run.
        """
        with translated(f"run {run_id} cannot be resumed from {self.uri}"):
            run = client(self.uri).get_run(run_id)
            client(self.uri).set_tag(run_id, PROCESS_TAG, this_process())
            client(self.uri).update_run(run_id, status="RUNNING")
        return Run(uri=self.uri, run_id=run_id, name=run.info.run_name)

    def register(
        self,
        run: Run,
        folder: Path,
        *,
        name: str,
        tags: VersionTags,
        scores: Sequence[SymbolScores],
        pooled: Mapping[str, float],
        description: str = "",
        more_tags: Mapping[str, str] | None = None,
    ) -> StoredVersion:
        """Store a model's folder as a logged model of the run and as the next version of a registered model.

        The version carries its tags from birth and becomes `newest` last, unless it is a candidate: whoever asks by
        alias never meets half a version. Of two processes that register at once, also through a server, the higher
        version keeps it.

        Args:
            run: The run that made the model.
            folder: The stored model as it will lie in the store: `bundle/`, as `write_bundle` wrote it, and beside it
                the files of MLflow's flavour and the card. All of it is uploaded.
            name: From `model_name`.
            tags: What the version says of itself.
            scores: Per symbol; `search_logged_models` finds them by data set.
            pooled: The same metrics over all symbols: what the run's page shows under these names.
            description: What a person reads on the pages of version and run, Markdown.
            more_tags: Facts that not every version has.

        Raises:
            StoreError: A name MLflow refuses or that holds models of bars of the other kind, a folder without a bundle,
                or the store fails.
            BundleError: The folder holds something that is no file.
        """
        check_names(name, ())
        self.check_provenance([name], tags.provenance)
        if not (folder / BUNDLE_FOLDER).is_dir():
            raise StoreError(f"{folder} holds no '{BUNDLE_FOLDER}' folder; write the bundle into it first")
        texts = {**(more_tags or {}), **tags.to_tags(), "files_digest": files_digest(folder)}
        with translated(f"{name} cannot be registered in {self.uri}"):
            model = upload(run, folder, experiment_id=self.experiment_id(), name=name, tags=texts)
            log_scores(run, model_id=model.model_id, scores=scores, pooled=pooled)
            facts = {"run_id": run.run_id, "model_id": model.model_id, "registered_at": _now()}
            with self.only_one():
                ensure_model(self.uri, name, tags=tags)
                number = create_version(run, model, name=name, tags={**texts, **facts}, description=description)
                settle_newest(self.uri, name)
        stored = self.find(name, version=number)
        assert stored is not None
        return stored

    def version_of(self, run: Run, name: str) -> StoredVersion | None:
        """Return the version of a model that a run has registered already, with its role settled; None: none yet.

        Raises:
            StoreError: A name MLflow refuses, or the store fails.
        """
        if not any(each.run_id == run.run_id for each in self.model_versions(name)):
            return None
        with self.only_one(), translated(f"{name} cannot be registered in {self.uri}"):
            settle_newest(self.uri, name)
        return next(each for each in self.model_versions(name) if each.run_id == run.run_id)

    def check_provenance(self, names: Sequence[str], provenance: Provenance) -> None:
        """Refuse names that hold versions trained on bars of the other kind; to be asked before the work.

        Raises:
            StoreError: A name does.
        """
        if self.database is not None and not self.database.exists():
            return
        for name in names:
            others = [each for each in self.model_versions(name)[-1:] if self.known_provenance(each) != provenance]
            if others:
                kind, holds = ("real", SYNTHETIC) if provenance == "real" else (SYNTHETIC, "real")
                raise StoreError(
                    f"{name} holds models of {holds} bars; one of {kind} bars cannot become its next version. Name it "
                    "otherwise (strategy=mine), or keep it elsewhere (paths.outputs=FOLDER)"
                )

    def known_provenance(self, version: StoredVersion) -> Provenance:
        """Return the provenance of a version's bars; one of an earlier release says it by its configuration's source.

        Raises:
            StoreError: A server does not hand its files out.
        """
        if version.provenance is not None:
            return version.provenance
        config = self.model_folder(version) / BUNDLE_FOLDER / "config.json"
        try:
            return configured_provenance(json.loads(config.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return "real"  # nothing is answered from files that are gone

    def versions(self, *, timeframe: str | None = None, strategy: str | None = None) -> list[StoredVersion]:
        """Return all versions with their aliases, by name and number; 5,000 in a fraction of a second.

        Args:
            timeframe: Only of this length of bars.
            strategy: Only of this strategy.

        Raises:
            StoreError: The store fails.
        """
        asked = {"timeframe": timeframe, "strategy": strategy}
        return list_versions(self.uri, name=None, tags={key: text for key, text in asked.items() if text is not None})

    def model_versions(self, name: str) -> list[StoredVersion]:
        """Return the versions of one model, by number; none where there is no such model.

        Raises:
            StoreError: A name MLflow refuses, or the store fails.
        """
        check_names(name, ())
        return list_versions(self.uri, name=name, tags={})

    def find(self, name: str, *, alias: str | None = None, version: int | None = None) -> StoredVersion | None:
        """Look a version up by exactly one of alias and number; None where there is no such model, alias or version.

        Raises:
            StoreError: A name or alias MLflow refuses, or the store fails.
        """
        if (alias is None) == (version is None):
            raise StoreError(f"{name}: ask by alias or by version, one of them")
        check_names(name, () if alias is None else (alias,))
        found = list_versions(self.uri, name=name, tags={})
        chosen = [each for each in found if each.version == version or alias in each.aliases]
        return chosen[0] if chosen else None

    def set_alias(self, version: StoredVersion, alias: str) -> None:
        """Give a version a role; another version of the model loses it.

        Raises:
            StoreError: An alias MLflow refuses, a retired version, one that is gone, or the store fails.
        """
        check_names(version.name, (alias,))
        with self.only_one(), translated(f"{version} cannot become {alias} in {self.uri}"):
            found = self._present(version)
            if not found.retired:
                client(self.uri).set_registered_model_alias(version.name, alias, str(version.version))
                found = self._present(version)  # on a server another process may have retired it just now
            if found.retired:
                if alias in found.aliases:
                    self.drop_alias(version.name, alias)
                raise StoreError(f"{version} is retired; take that back first")

    def drop_alias(self, name: str, alias: str) -> None:
        """Let no version of a model have a role; nothing happens where none has it.

        Raises:
            StoreError: There is no such model, or the store fails.
        """
        check_names(name, (alias,))
        with translated(f"the alias {alias} of {name} cannot be dropped in {self.uri}"):
            client(self.uri).delete_registered_model_alias(name, alias)

    def set_version_tags(self, version: StoredVersion, tags: Mapping[str, str]) -> None:
        """Set tags of a version; those it has keep their place, with the new value.

        Raises:
            StoreError: The version is gone, a key or value MLflow refuses, or the store fails.
        """
        with translated(f"tags of {version} cannot be set in {self.uri}"):
            for key, value in tags.items():
                client(self.uri).set_model_version_tag(version.name, str(version.version), key, value)

    def retire(self, version: StoredVersion) -> None:
        """Let a version answer no more: the tag `retired` first, then its aliases go; `newest` moves to the one before.

        Raises:
            StoreError: The version is gone, or the store fails.
        """
        with self.only_one(), translated(f"{version} cannot be retired in {self.uri}"):
            self.set_version_tags(version, {RETIRED_TAG: _now()})
            for alias in self._present(version).aliases:
                self.drop_alias(version.name, alias)
            settle_newest(self.uri, version.name)

    def reinstate(self, version: StoredVersion) -> None:
        """Take `retire` back; the version gets no alias by it but `newest`, if it is the newest.

        Raises:
            StoreError: The version is gone, or the store fails.
        """
        with self.only_one(), translated(f"{version} cannot be reinstated in {self.uri}"):
            if self._present(version).retired:
                client(self.uri).delete_model_version_tag(version.name, str(version.version), RETIRED_TAG)
            settle_newest(self.uri, version.name)

    def delete_version(self, version: StoredVersion) -> None:
        """Delete a version and its files for good; its number is not given again, `newest` moves to the one before.

        The version goes first, its files last: what a kill between leaves can be resolved to by nobody.

        Raises:
            StoreError: The version is gone, or the store fails.
        """
        with self.only_one(), translated(f"{version} cannot be deleted from {self.uri}"):
            found = self._present(version)
            shared = [each for each in self.versions() if each.source == found.source and each != found]
            if not shared:
                client(self.uri).set_logged_model_tags(model_id_of(found), {REGISTERED_TAG: "no"})
            client(self.uri).delete_model_version(version.name, str(version.version))
            settle_newest(self.uri, version.name)
            if not shared:
                self.delete_files(model_id_of(found), found.source)

    def delete_model(self, name: str) -> None:
        """Delete a registered model with all its versions and their files.

        Raises:
            StoreError: There is no such model, or the store fails.
        """
        for version in self.model_versions(name):
            self.delete_version(version)
        with translated(f"{name} cannot be deleted from {self.uri}"):
            client(self.uri).delete_registered_model(name)

    def download(self, version: StoredVersion, *, room: Path | None = None) -> Path:
        """Return the local folder of a version's bundle, fetched from a server where need be.

        Args:
            version: Of this store.
            room: Folder for what is fetched; None: below `artifact_root`, where it is found again the next time.

        Raises:
            StoreError: The files are gone.
            BundleError: They are not those that were registered.
        """
        folder = self.model_folder(version, room=room)
        if not (folder / BUNDLE_FOLDER).is_dir() and self.database is not None and self._prepared(self.database):
            folder = self.model_folder(self._present(version), room=room)  # where the store was moved with its files
        if not (folder / BUNDLE_FOLDER).is_dir():
            raise StoreError(f"the files of {version} are not at {version.source}")
        self._check_files(version, folder)
        return folder / BUNDLE_FOLDER

    def model_folder(self, version: StoredVersion, *, room: Path | None = None) -> Path:
        """Return the local folder of all of a version's files, as `download` does; they may be gone or changed.

        Raises:
            StoreError: A server does not hand them out.
        """
        return local_folder(version.source) or fetched(version, uri=self.uri, room=room or self._fetched)

    def delete_files(self, model_id: str, place: str) -> None:
        """Delete a logged model: its files first, so that what a kill between leaves is found again.

        Of this machine's files only those below `artifact_root` are touched.
        """
        delete_place(place, model_id=model_id, uri=self.uri, root=Path(self.artifact_root), room=self._fetched)
        client(self.uri).delete_logged_model(model_id)

    def experiment_id(self) -> str:
        """Return MLflow's id of the experiment.

        Raises:
            StoreError: It is not there yet.
        """
        experiment = client(self.uri).get_experiment_by_name(self.mlflow_experiment)
        if experiment is None:
            raise StoreError(f"{self.uri} has no MLflow experiment '{self.mlflow_experiment}'; call prepare() first")
        return str(experiment.experiment_id)

    def only_one(self) -> AbstractContextManager[object]:
        """Hold the lock under which versions and aliases change, others wait.

        Two processes that register at once would race for the version number (MLflow gives up after three tries).
        """
        if self.database is None:  # a server numbers versions itself; `newest` settles, see `settle_newest`
            return nullcontext()
        lock: AbstractContextManager[object] = FileLock(f"{self.database}.registration.lock")
        return lock

    @property
    def _fetched(self) -> Path:
        return Path(self.artifact_root) / "fetched"

    def _check_files(self, version: StoredVersion, folder: Path) -> None:
        registered = version.tags.get("files_digest")
        if registered is not None and files_digest(folder) != registered:
            message = f"the files of {version} in {folder} are not those that were registered: something was changed"
            raise BundleError(f"{message}, added or taken away; import the model again, or train it again")

    def _present(self, version: StoredVersion) -> StoredVersion:
        found = self.find(version.name, version=version.version)
        if found is None:
            raise StoreError(f"{version} is not in {self.uri} any more")
        return found

    def _prepared(self, database: Path) -> bool:
        """Whether the database holds the experiment, which is made last; checks where its files go."""
        found = experiment_in(database, self.mlflow_experiment)
        if found is not None:
            self._check_experiment(*found)
        return found is not None

    def _check_experiment(self, location: str, stage: str) -> None:
        self._check_stage(stage)
        kept = Path(location.removeprefix("file://"))
        root = Path(self.artifact_root)
        if self.database is not None and not kept.exists() and root.is_dir() and any(root.iterdir()):
            with FileLock(f"{self.database}.lock"):
                move_places(self.database, old=str(kept), new=self.artifact_root)
            complain(f"the store was moved from {kept} to {root}; its paths were changed to that")
        elif kept.resolve() != root.resolve():
            message = f"the MLflow experiment '{self.mlflow_experiment}' in {self.uri} keeps its files in {kept},"
            cure = "put the folder back, or choose another experiment (registry.mlflow_experiment)"
            raise StoreError(f"{message} not in {self.artifact_root} (was it moved?); {cure}")

    def _check_stage(self, stage: str) -> None:
        if stage != "active":
            message = (
                f"the MLflow experiment '{self.mlflow_experiment}' in {self.uri} was deleted; restore it, or choose"
            )
            raise StoreError(f"{message} another name (registry.mlflow_experiment)")

    def _ensure_experiment(self) -> None:
        from mlflow.exceptions import MlflowException

        asked = client(self.uri)
        # An MLflow server keeps files where it was told to at its start.
        location = None if self.database is None else self.artifact_root
        with translated(f"the MLflow experiment '{self.mlflow_experiment}' cannot be made in {self.uri}"):
            if found := asked.get_experiment_by_name(self.mlflow_experiment):
                self._check_stage(found.lifecycle_stage)
                return
            try:
                asked.create_experiment(self.mlflow_experiment, artifact_location=location, tags=dict(_EXPERIMENT_TAGS))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be made: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {folder} cannot be written")


def _now() -> str:
    return iso(milliseconds() // 1000 * 1_000_000_000)
