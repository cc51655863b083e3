"""The verb `compare`: the engine's answer at the terminal, as a page, in the store and in the registry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multisymbol.evaluation.comparison import Comparison
from multisymbol.reports.terminal import Terminal
from multisymbol.workflows.comparing import work
from multisymbol.workflows.resuming import interrupted
from multisymbol.workflows.tracking import group_run


def run(values: Mapping[str, Any], run_dir: Path) -> Comparison:
    """Compare, and leave the answer everywhere it is looked for.

    Args:
        values: Plain, checked configuration (`conf/compare.yaml`).
        run_dir: The comparison's folder.
    """
    if values["resume"]:
        values, run_dir = interrupted(values)
    terminal = Terminal()
    with group_run(values, run_dir, name="comparison") as run:
        done = work(values, run_dir, terminal, name=run.name, announce=lambda _: None)
    return done.comparison
