"""The public API: what a notebook does, in the words of the command line.

import multisymbol as ms

config = ms.load_config(["model=gru", "source=parquet", "source.root=bars"], symbols={"AAPL": "stock"})
training = ms.train(config)
training.scores                                     # a DataFrame: one row per symbol
model = ms.load_model("neuro_fuzzy.1h.universal@newest", config)
model.predict(bars)                                 # BUY, HOLD, SELL probabilities for raw bars
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from multisymbol.cli.compose import Config, load_config
from multisymbol.progress import Terminal

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from multisymbol.backtest.run import BacktestResult
    from multisymbol.comparison.result import Comparison
    from multisymbol.markets.bars import Bars
    from multisymbol.registry.selection.resolve import Resolution
    from multisymbol.samples.dataset import FoldDataset
    from multisymbol.serving.served_model import Model
    from multisymbol.training.run import TrainedModel

__all__ = [
    "ComparisonReport", "Config", "TrainingResult", "backtest", "compare", "load_config", "load_model", "predict",
    "prepare", "read_bars", "resolve", "train",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class TrainingResult:
    """A finished training: its models, scores and figures.

    Args:
        models: One for each model trained.
        score: Validation score of the best epoch (log-loss in nats, Huber loss for a return), the mean over the models.
        folder: The run's folder.
    """

    models: "tuple[TrainedModel, ...]"
    score: float
    folder: Path

    def __repr__(self) -> str:
        names = ", ".join(model.registered for model in self.models)
        return f"TrainingResult(score={self.score:.4f}, models=[{names}])"

    @property
    def scores(self) -> "pd.DataFrame":
        """Test scores: a row per symbol for one model, a row per model for several."""
        from multisymbol.reports.tables.table import to_frame
        from multisymbol.reports.training_artifacts import model_scores_table, run_score_table

        first = self.models[0]
        if len(self.models) > 1 or first.result is None:
            return to_frame(model_scores_table(self.models))
        return to_frame(run_score_table(first.result, first.dataset))

    @property
    def predictions(self) -> "pd.DataFrame":
        """Test forecasts: symbol, decided_at, resolved_at, label or target, and the forecast; one row per sample."""
        import pandas as pd

        parts = [
            model.result.predictions(model.dataset).assign(model=model.name or "model")
            for model in self.models
            if model.result is not None
        ]
        return pd.concat(parts, ignore_index=True)

    def figures(self) -> "dict[str, Figure]":
        """Figures of the first model's test scores, by name."""
        from multisymbol.reports.training_artifacts import result_figures

        result = self.models[0].result
        return {} if result is None else result_figures(result)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ComparisonReport:
    """A finished comparison: its verdict, tables and figures.

    Args:
        comparison: Every number, as `comparison.json` keeps it.
        folder: The comparison's folder.
    """

    comparison: "Comparison"
    folder: Path

    def __repr__(self) -> str:
        return f"ComparisonReport({self.sentence!r})"

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        return self.lines[0]

    @property
    def lines(self) -> list[str]:
        """What the command prints: the verdict first, then the numbers behind it."""
        from multisymbol.reports.comparison import comparison_lines

        return comparison_lines(self.comparison)

    @property
    def questions(self) -> "pd.DataFrame":
        """A row per question: effect in nats, interval, p-values and verdict."""
        from multisymbol.reports.tables.comparison import question_table
        from multisymbol.reports.tables.table import to_frame

        return to_frame(question_table(self.comparison))

    @property
    def symbols(self) -> "pd.DataFrame":
        """A row per symbol: effect in nats, interval, p-values and verdict on the primary question."""
        from multisymbol.reports.tables.comparison import comparison_symbol_table
        from multisymbol.reports.tables.table import to_frame

        return to_frame(comparison_symbol_table(self.comparison))

    def figures(self) -> "dict[str, Figure]":
        """Return the figures of the page by name."""
        from multisymbol.reports.comparison import comparison_figures

        return comparison_figures(self.comparison)

    def save_page(self, path: str | Path) -> Path:
        """Write the page as one HTML file; returns its path."""
        from multisymbol.reports.comparison import comparison_page
        from multisymbol.reports.page import page_html

        target = Path(path)
        target.write_text(page_html(comparison_page(self.comparison)), encoding="utf-8")
        return target


def prepare(config: Config, *, quiet: bool = True) -> "tuple[FoldDataset, ...]":
    """Read bars, compute features and labels, and cut them into folds.

    Args:
        config: From `load_config`.
        quiet: Show no progress.

    Returns:
        One dataset a fold: panel, ledger of samples, parts and scaled features.

    Raises:
        MultisymbolError: Bars, labels or cuts are not usable; says what to do.
    """
    from multisymbol.samples.dataset import prepare_folds

    return prepare_folds(config.data, Terminal(silent=quiet))


def train(config: Config, *, folder: str | Path | None = None, quiet: bool = True) -> TrainingResult:
    """Train, score, record and register what a configuration describes.

    Args:
        config: From `load_config`.
        folder: The run's folder; None: a new one below `paths.outputs`.
        quiet: Show no progress.

    Raises:
        MultisymbolError: Something in the configuration or the data is not usable; says what to do.
    """
    from multisymbol.cli.train import train_models
    from multisymbol.config.installation import library_versions

    library_versions()
    run_dir = Path(folder).absolute() if folder is not None else config.run_folder()
    models, score = train_models(config.values, run_dir, Terminal(silent=quiet))
    return TrainingResult(models=models, score=score, folder=run_dir)


def compare(config: Config, *, folder: str | Path | None = None, quiet: bool = True) -> ComparisonReport:
    """Compare a universal model with one model per symbol.

    The plan is hashed and written down before anything is trained; a folder that holds a half-done comparison of the
    same plan is finished. Nothing is recorded in the MLflow store or registered, which `multisymbol compare` does.
    Surrogate markets are trained in processes of their own (`comparison.surrogates.workers`): a script that calls this
    needs the usual `if __name__ == "__main__":`, a notebook does not.

    Args:
        config: From `load_config(..., command="compare")`.
        folder: The comparison's folder; None: a new one below `paths.outputs`.
        quiet: Show no progress.

    Raises:
        ComparisonError: It cannot be made, or is another one than the folder's; says what to do.
    """
    from multisymbol.cli.specs import compare_spec
    from multisymbol.comparison.run import compare as run_comparison
    from multisymbol.training.run_folder import at_work

    run_dir = Path(folder).absolute() if folder is not None else config.run_folder()
    with at_work(run_dir):
        done = run_comparison(compare_spec(config.values), run_dir, terminal=Terminal(silent=quiet))
    return ComparisonReport(comparison=done.comparison, folder=run_dir)


def resolve(symbol: str, config: Config, *, as_class: str | None = None) -> "Resolution":
    """Find which stored model answers for a symbol, and why that one.

    Args:
        symbol: The symbol; it need not be a member of the universe where `as_class` says its asset class.
        config: From `load_config(..., command="resolve")`, or `"predict"`.
        as_class: Asset class of a symbol that is no member.

    Returns:
        The chosen version, or None, with the chain of steps and their reasons.

    Raises:
        SymbolError: The symbol is not known.
    """
    from multisymbol.cli.resolve import resolve_spec, symbol_config
    from multisymbol.serving.resolver import Resolver

    values = {**config.values, "as_class": as_class}
    return Resolver.open(resolve_spec(values)).resolve(symbol_config(values, symbol))


def predict(config: Config) -> "pd.DataFrame":
    """Return the newest decision on every symbol, by the model that resolution chooses for it.

    `config` is from `load_config(..., command="predict")`. One row per symbol: probabilities, decision, model, version
    and, where there is none, the reason.

    Raises:
        MultisymbolError: Bars or store are not usable; says what to do.
    """
    from multisymbol.cli.predict import predicted
    from multisymbol.serving.latest import prediction_frame

    return prediction_frame(predicted(config.values)[1])


def backtest(config: Config, *, folder: str | Path | None = None, quiet: bool = True) -> "BacktestResult":
    """Trade what models predict for bars they have not seen.

    Args:
        config: From `load_config(..., command="backtest")`.
        folder: Folder of the checkpoints where models are trained; None: a new one below `paths.outputs`.
        quiet: Show no progress.

    Returns:
        Accounts, trades and performance by kind of model; `.first` is the only one where nothing is compared.

    Raises:
        MultisymbolError: Bars, models or rules that cannot be traded; says what to do.
    """
    from multisymbol.backtest.run import run
    from multisymbol.cli.backtest import backtest_spec
    from multisymbol.training.run_folder import at_work

    run_dir = Path(folder).absolute() if folder is not None else config.run_folder()
    with at_work(run_dir):
        return run(backtest_spec(config.values), run_dir, Terminal(silent=quiet))


def load_model(name: str, config: Config | None = None) -> "Model":
    """Load a stored model.

    Args:
        name: `NAME/3`, `NAME@alias` or `NAME`, which means its champion, else its newest version; or a folder that
            holds a bundle.
        config: Says where the store is; None: the default store below the working directory.

    Raises:
        StoreError: There is no such model, alias or version; says what there is.
        BundleError: Its files are damaged, or not to be trusted.
    """
    from multisymbol.cli.specs import store_of
    from multisymbol.registry.selection.lookup import chosen
    from multisymbol.serving.served_model import Model

    if Path(name).is_dir():
        return Model.read(Path(name), name=None, version=None)
    store = store_of((config or load_config()).values)
    version = chosen(store, name)
    return Model.read(store.download(version), name=version.name, version=version.version)


def read_bars(
    path: str | Path,
    *,
    symbol: str | None = None,
    asset_class: str,
    timeframe: str,
    calendar: str | None = None,
    stamped: Literal["open", "close"] = "open",
    timezone: str | None = None,
    columns: "Mapping[str, str] | Sequence[str] | None" = None,
    epoch: Literal["s", "ms", "us", "ns"] | None = None,
    date_order: Literal["dmy", "mdy"] | None = None,
    delimiter: str | None = None,
    min_bars: int = 1,
    on_defect: "Mapping[str, str] | None" = None,
) -> "Bars":
    """Read and judge the bars of one symbol from a file as vendors write them (docs/data.md).

    Args:
        path: The file: CSV, Parquet or Feather.
        symbol: Its symbol; None: the file's name says it.
        asset_class: `stock`, `forex`, `crypto` or `metal`: calendar, gap policy and what counts as odd.
        timeframe: Length of the bars, such as `1h`.
        calendar: Calendar in place of the asset class's.
        stamped: Whether a timestamp is the bar's open or its close.
        timezone: Clock of timestamps that name none, such as `UTC`.
        columns: Our name -> the file's, or the names of all columns of a file without header, in order.
        epoch: Unit of timestamps that are numbers; None: by their size.
        date_order: Order of day and month in `06/01/2018`.
        delimiter: What separates the cells of a CSV file; None: told by its first line.
        min_bars: Fewer bars than this are refused.
        on_defect: Kind of defect -> `raise`, `drop` or `keep`, where it is not the default.

    Raises:
        SourceError: The file is not there, not readable, or of no known format.
        BarsError: Rows have defects, all of them named.
    """
    from multisymbol.markets.io.files import FileOptions, examine_file
    from multisymbol.markets.io.importing import named_by
    from multisymbol.markets.io.shipped import bare_universe, read_options
    from multisymbol.markets.io.stamps import StampOptions
    from multisymbol.markets.time import Period

    (config,) = bare_universe({symbol or named_by(Path(path)): asset_class}, calendar=calendar)
    stamps = StampOptions(timezone=timezone, epoch=epoch, date_order=date_order)
    return examine_file(
        Path(path),
        config=config,
        period=Period(),
        reading=read_options(
            timeframe=timeframe, stamped=stamped, timezone=timezone, min_bars=min_bars, kinds=on_defect or {}
        ),
        options=FileOptions(columns=columns, delimiter=delimiter, stamps=stamps),
    ).accepted()
