"""A run of the MLflow store: what it logs, each call naming it explicitly."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from multisymbol.registry.store.client import client, milliseconds, translated

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient


MAX_PARAM, MAX_TAG, MAX_DESCRIPTION = 6000, 8000, 5000
"""Characters of a value that MLflow, or one of its databases, takes; it cuts longer ones with a warning, or refuses."""
NOTE_TAG = "mlflow.note.content"
"""Tag whose text, Markdown, is the description of a run or an experiment."""
MAX_DIGEST = 36


def shortened(text: str, *, limit: int) -> str:
    """Return a text that is too long with its length and hash in place of the rest, so that two are not confused."""
    if len(text) <= limit:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    rest = f"… [{len(text):,} characters, sha256 {digest}; all of it: the run's artifact config.json]"
    return text[: limit - len(rest)] + rest


Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFacts:
    """One symbol's bars as MLflow shows them among a run's inputs."""

    name: str  # slug of the symbol
    digest: str  # fingerprint of the bars; MLflow takes 36 characters at most
    source: str  # where they come from
    profile: Mapping[str, Any]  # counts and spans, plain data


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRun:
    """A run as it was left."""

    run_id: str  # MLflow's
    name: str  # for people
    status: str  # RUNNING (also after kill -9), FINISHED, FAILED or KILLED
    tags: Mapping[str, str]  # as set by whoever opened it


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """An open run; every call names it explicitly, none depends on the process's active run."""

    uri: str  # address of the store that keeps it
    run_id: str  # MLflow's
    name: str  # for people

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log flat params, once; what a resumed run would change is kept and noted in the tag `param_drift`."""
        from mlflow.entities import Param

        texts = {key: shortened(str(value), limit=MAX_PARAM) for key, value in params.items()}
        with self._asking("params") as asked:
            known = asked.get_run(self.run_id).data.params
            drift = {key: [known[key], text] for key, text in texts.items() if known.get(key, text) != text}
            asked.log_batch(self.run_id, params=[Param(key, texts[key]) for key in texts if key not in known])
        if drift:
            self.set_tags({"param_drift": json.dumps(drift, ensure_ascii=False)})

    def log_metrics(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Log numbers in one transaction. NaN stays NaN; MLflow turns an infinity into the largest float."""
        from mlflow.entities import Metric

        now = milliseconds()
        with self._asking("metrics") as asked:
            asked.log_batch(
                self.run_id, metrics=[Metric(key, float(value), now, step) for key, value in metrics.items()]
            )

    def log_steps(self, steps: Mapping[int, Mapping[str, float]]) -> None:
        """Log numbers of several steps in one transaction."""
        from mlflow.entities import Metric

        now = milliseconds()
        entries = [Metric(key, float(value), now, step) for step, own in steps.items() for key, value in own.items()]
        with self._asking("metrics") as asked:
            asked.log_batch(self.run_id, metrics=entries)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, in one transaction."""
        from mlflow.entities import RunTag

        with self._asking("tags") as asked:
            asked.log_batch(
                self.run_id, tags=[RunTag(key, shortened(value, limit=MAX_TAG)) for key, value in tags.items()]
            )

    def log_text(self, text: str, *, path: str) -> None:
        """Store text as the artifact `path`, such as `tables/symbols.csv`."""
        with self._asking(path) as asked:
            asked.log_text(self.run_id, text, path)

    def log_json(self, data: Mapping[str, Any], *, path: str) -> None:
        """Store plain data as the artifact `path`, in the order it has."""
        self.log_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", path=path)

    def log_figure(self, figure: "Figure", *, path: str) -> None:
        """Store a figure as the artifact `path`, whose ending is the format."""
        with self._asking(path) as asked:
            asked.log_figure(self.run_id, figure, path)

    def log_file(self, file: Path, *, folder: str | None = None) -> None:
        """Store a copy of a file, in `folder` of the run's artifacts."""
        with self._asking(str(file)) as asked:
            asked.log_artifact(self.run_id, str(file), folder)

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
        with self._asking("inputs") as asked:
            asked.log_inputs(self.run_id, datasets=inputs)

    def finish(self, status: Status = "FINISHED") -> None:
        """End the run."""
        with self._asking("its end") as asked:
            asked.set_terminated(self.run_id, status)

    @contextmanager
    def _asking(self, what: str) -> Iterator["MlflowClient"]:
        with translated(f"{what} of run {self.name} cannot be stored in {self.uri}"):
            yield client(self.uri)
