"""How tables, figures, frames and pages get into a run of the store."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from multisymbol.registry.store.runs import NOTE_TAG
from multisymbol.registry.store.store import Run
from multisymbol.reports.page import Page, page_html
from multisymbol.reports.tables.table import Table, to_csv, to_markdown


def log_tables(run: Run, tables: Mapping[str, Table]) -> None:
    """Log each table as CSV, all digits, and as Markdown."""
    for name, table in tables.items():
        run.log_text(to_csv(table), path=f"tables/{name}.csv")
        run.log_text(to_markdown(table), path=f"tables/{name}.md")


def log_figures(run: Run, figures: Mapping[str, Figure]) -> None:
    """Log each figure as PNG."""
    for name, figure in figures.items():
        run.log_figure(figure, path=f"figures/{name}.png")


def log_frame(run: Run, frame: pd.DataFrame, file: Path) -> None:
    """Write a frame as Parquet, and log the file."""
    frame.to_parquet(file)
    run.log_file(file)


def log_page(run: Run, page: Page, file: Path, *, note: str = "") -> Path:
    """Write a page to a file, log it, and describe the run by its lead, with a note in Markdown below."""
    file.write_text(page_html(page), encoding="utf-8")
    run.log_file(file)
    run.set_tags({NOTE_TAG: "\n\n".join(filter(None, (page.lead, note, f"All of it: `{file.name}`.")))})
    return file
