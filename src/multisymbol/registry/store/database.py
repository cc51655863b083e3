"""The SQLite file of a store: made whole or not at all, recognised without MLflow.

The first database costs MLflow 2 to 10 s of migrations. The file is set to write-ahead logging once (a metric then
costs 3 ms instead of 28), which it remembers.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from multisymbol.errors import OutputError, StoreError

PREFIX = "sqlite:///"
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Tables and columns of MLflow's database that hold paths."""


def database_of(uri: str) -> Path | None:
    """Return the file of a `sqlite:///` address, None for a server's."""
    return Path(uri.removeprefix(PREFIX)) if uri.startswith("sqlite:") else None


def experiment_in(database: Path, name: str) -> tuple[str, str] | None:
    """Look up where an MLflow experiment keeps its files, and its lifecycle stage.

    Returns:
        None where the file is not there, not yet prepared (write-ahead log, tables), or knows no such experiment.

    Raises:
        OutputError: The file cannot be written.
        StoreError: It is no database.
    """
    if not database.exists():
        return None
    if not os.access(database, os.W_OK):
        raise OutputError(f"{database} cannot be written")
    query = "SELECT artifact_location, lifecycle_stage FROM experiments WHERE name = ?"
    try:
        with closing(sqlite3.connect(database)) as connection:
            wal = connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            found: tuple[str, str] | None = connection.execute(query, (name,)).fetchone()
    except sqlite3.OperationalError:  # no such table: an empty file
        return None
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{database} is not a database: {error}") from error
    return found if wal else None


def make_database(database: Path, *, artifact_root: str) -> None:
    """Make the file with all of MLflow's tables, unless it is there: beside its place, then renamed."""
    if not database.exists():
        draft = draft_of(database)
        draft.unlink(missing_ok=True)
        _migrate(draft, artifact_root=artifact_root)
        draft.replace(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def move_places(database: Path, *, old: str, new: str) -> None:
    """Write every path below `old` as one below `new`: MLflow keeps absolute ones, and a moved store has none of them.

    Raises:
        StoreError: The database cannot be written.
    """
    try:
        with closing(sqlite3.connect(database)) as connection, connection:
            for table, column in _PLACES:
                for prefix in ("", "file://"):
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                        f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                        (new, len(prefix + old) + 1, prefix + old, len(prefix + old) + 1, f"{prefix}{old}/"),
                    )
    except sqlite3.Error as error:
        raise StoreError(f"the paths in {database} cannot be moved from {old} to {new}: {error}") from error


def draft_of(database: Path) -> Path:
    """Return where the file lies while it is being made."""
    return database.with_name(f"{database.name}.draft")


def _migrate(database: Path, *, artifact_root: str) -> None:
    """Make a database with all of MLflow's tables."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    # The store itself rather than a client: that would point MLflow's default experiment at ./mlruns.
    store: Any = SqlAlchemyStore  # its constructor is untyped
    store(f"{PREFIX}{database}", artifact_root).engine.dispose()
