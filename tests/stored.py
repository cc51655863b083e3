"""Files that an earlier commit stored (`tests/answers/stored`), copied to where a test can use them."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.answers.stored.arithmetic import arithmetic

FOLDER = Path(__file__).parent / "answers" / "stored"
_MADE_AT = re.compile(r"(?<!\w)/stored\b")
"""The only path the files contain."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A copy of the stored files.

    Args:
        folder: Holds `bars`, `outputs` and `exported`.
    """

    folder: Path

    @property
    def outputs(self) -> Path:
        """Folder of runs, cache and store."""
        return self.folder / "outputs"

    @property
    def exported(self) -> Path:
        """Folder of exported models."""
        return self.folder / "exported"

    @cached_property
    def expected(self) -> dict[str, Any]:
        """Output and results of the earlier commit, with the paths of this copy."""
        expected: dict[str, Any] = json.loads(self.placed((FOLDER / "expected.json").read_text(encoding="utf-8")))
        return expected

    @cached_property
    def to_the_bit(self) -> bool:
        """Whether this machine computes the same bits as the one that made the files."""
        return arithmetic() == str(self.expected["arithmetic"])

    def placed(self, text: str) -> str:
        """Replace the original path in a text by the folder of this copy."""
        return _MADE_AT.sub(str(self.folder), text)

    def run_folder(self, name: str) -> Path:
        """Return the folder of a run."""
        notes = self.outputs.glob("runs/*/*/run.json")
        (folder,) = (note.parent for note in notes if json.loads(note.read_text(encoding="utf-8"))["name"] == name)
        return folder


def restored(folder: Path) -> Stored:
    """Copy everything into a new folder, as if it had been made there.

    Hashed files (those of a model) keep the original path, which nothing reads.
    """
    stored = Stored(folder=folder)
    for name in ("bars", "outputs", "exported"):
        shutil.copytree(FOLDER / name, folder / name)
    for pattern in ("config.json", "run.json"):
        for file in stored.outputs.glob(f"runs/*/*/{pattern}"):
            file.write_text(stored.placed(file.read_text(encoding="utf-8")), encoding="utf-8")
    text = stored.outputs / "mlflow.sql"
    with closing(sqlite3.connect(stored.outputs / "mlflow.db")) as connection:
        connection.executescript(stored.placed(text.read_text(encoding="utf-8")))
        connection.execute("PRAGMA journal_mode=WAL")
    text.unlink()
    return stored
