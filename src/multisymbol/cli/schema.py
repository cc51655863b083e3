"""The keys of `conf/train.yaml`: their types, and the resolved configuration of every symbol."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from multisymbol.config.build import computed, plain
from multisymbol.config.check import Problem, check
from multisymbol.config.names import short_name
from multisymbol.config.record import OF_ONE_SYMBOL
from multisymbol.errors import SymbolError, nearest
from multisymbol.markets.io.universe_file import Remark, located, member_lines, read_members
from multisymbol.markets.provenance import configured_provenance, foreign_symbols
from multisymbol.markets.symbols import AssetClass, resolve_symbols
from multisymbol.markets.time import Period


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """Folders a run writes to."""

    root: str
    outputs: str
    cache: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolSelection:
    """A file in `conf/symbols`."""

    members: dict[str, dict[str, Any]]  # symbol -> `{asset_class: name, **own overrides}`
    only: list[str] | None = None  # members to use, None for all
    without: list[str] | None = None  # members to leave out
    # a table of further members (`markets.io.universe_file`); what `members` says of one of them wins
    file: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureDefaults:
    """A file in `conf/features`: see `multisymbol.features.pipeline.feature_spec`."""

    indicators: dict[str, dict[str, Any]]
    fuzzy: dict[str, dict[str, Any]]
    raw: list[str] | None
    restart_bars: PositiveInt


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrySettings:
    """A file in `conf/registry`; `policy` is a file in `conf/registry/policy`."""

    register: bool
    uri: str
    artifacts: str
    mlflow_experiment: str
    donors: Literal["profile", "evidence"]
    policy: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Every key of `conf/train.yaml`; a node with `_target_` is checked against what it names."""

    paths: Paths
    symbols: SymbolSelection
    asset_class: dict[str, AssetClass]
    source: Any
    features: FeatureDefaults
    alignment: Any
    labels: Any
    scaling: Any
    split: Any
    sampling: Any
    model: Any
    loss: Any
    optimizer: Any
    scheduler: Any
    callbacks: dict[str, Any]
    trainer: Any
    registry: RegistrySettings
    strategy: str
    mode: Literal["universal", "single", "per_symbol", "finetune"]
    symbol: str | None
    from_: str | None
    finetune: Any
    seed: NonNegativeInt
    window: PositiveInt
    stride: PositiveInt
    sample_weights: Literal["none", "uniqueness"]
    least_class_share: NonNegativeFloat
    batch_size: PositiveInt
    eval_batch_size: PositiveInt
    resume: str | None
    resample: str | None
    open_sealed: str | None
    period: Period
    dry_run: bool
    trust: list[str] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestChoices:
    """A file in `conf/backtest`; see `BacktestSettings` and `Rules`."""

    models: Literal["stored", "as_of", "retrained"]  # whose predictions are traded
    # kinds of model that are traded on the same bars; None: whichever answers
    arms: list[Literal["universal", "own"]] | None
    every: str  # length of time from one choice of models to the next (`as_of`)
    capital: float  # see `Rules`; likewise fill, units, stop, target and stop_in
    fill: Literal["next_open", "same_close", "next_vwap"]
    units: Literal["fractional", "whole"]
    stop: float | None
    target: float | None
    stop_in: Literal["fraction", "volatility"]
    weighting: Any  # how money is shared out among symbols
    volatility_bars: PositiveInt  # see `BacktestSettings`; likewise cost_multiples
    cost_multiples: list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestConfig(TrainConfig):
    """Every key of `conf/backtest.yaml`: those of a training, and its own."""

    decision: Any  # from a model's outputs to positions
    backtest: BacktestChoices  # whose predictions are traded, and how
    # what a model must fit: the strategy's name, or features and labels of the configuration too
    match: Literal["strategy", "config"]
    allow_seen: bool  # whether bars a model was trained on may be traded


@dataclass(frozen=True, kw_only=True, slots=True)
class SurrogateSettings:
    """Markets without signal on which both arms are trained again."""

    kept: NonNegativeInt  # draws with the drift kept; likewise `removed`. 20 at least of a kind, or 0 for none of it
    removed: NonNegativeInt  # see there
    seed: NonNegativeInt  # of the first draw; the next ones count on
    workers: PositiveInt  # processes at a time, one core each


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonSettings:
    """A file in `conf/comparison`; see `statistics.compare.Plan` for the levels and sizes."""

    primary: Literal["overall", "direction", "activity"]  # the question that the verdict is about
    seeds: list[NonNegativeInt]  # of the trainings of every arm
    smallest: float  # smallest effect of interest, nats a forecast
    alpha: float  # of every test
    level: float  # coverage of intervals
    power: float  # at which detectable effects are stated
    draws: PositiveInt  # resamples of an interval
    aa_draws: PositiveInt  # of the A/A run
    seed: NonNegativeInt  # of resampling
    weights: dict[str, float] | None  # symbol -> weight in the mean over symbols; None: all alike
    # what a single and the universal model have the same number of: epochs, or steps an epoch too
    budget: Literal["epochs", "steps"]
    capital: PositiveFloat  # money of each account that is traded; it matters only for costs that are money
    exploratory: bool  # allow fewer than 3 seeds and 20 draws; nothing is claimed then
    surrogates: SurrogateSettings  # markets without signal
    threads: PositiveInt  # cores of a stack


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareConfig(TrainConfig):
    """Every key of `conf/compare.yaml`: those of a training, and its own."""

    comparison: ComparisonSettings  # what is declared
    arms: dict[str, Any]  # name -> what it trains; the arms that are run
    decision: Any  # from probabilities to positions, for the net of costs
    promote: bool  # whether champions move as the verdicts say


SCHEMA = f"{__name__}.TrainConfig"
COMPARE_SCHEMA = f"{__name__}.CompareConfig"
_COMPUTED = ("symbol_configs",)
_OBEYED_BY = {"dry_run": ("train", "compare"), "resume": ("train", "compare")}
"""Keys that other commands inherit and would pass over in silence -> the commands that do what they say."""

_COSTS_CURE = "what trading costs is never guessed; say it, 0 for none (conf/asset_class/stock.yaml shows every kind)"


def config_problems(config: DictConfig, *, schema: str = SCHEMA) -> list[Problem]:
    """List everything that is wrong with a composed configuration, before anything is loaded."""
    return [_with_cure(problem) for problem in _problems(config, schema=schema)]


def _problems(config: DictConfig, *, schema: str) -> list[Problem]:
    values = plain(config, leave_out=_COMPUTED)
    found = [*check(values, schema=schema), *_passed_over(values, schema=schema), *_out_of_range(values)]
    if "symbol_configs" not in config.keys():  # noqa: SIM118 (`in config` would resolve every symbol twice)
        return found
    if any(
        problem.path.split(".")[0] in {"symbol", "symbols", "asset_class", "features", "labels", "mode"}
        for problem in found
    ):
        return found
    try:
        wanted = symbol_configs(values)
        if problem := foreign_symbols(market_symbols(values.get("source")), wanted):
            found.append(Problem(path="source", text=problem))
    except SymbolError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.startswith("  ")]
        found += [_as_problem(line) for line in _in_table(lines, values["symbols"])]
    return found


def market_symbols(source: Any) -> Sequence[str] | None:
    """Return the only symbols a configured synthetic market has; None where the source may have any."""
    if not isinstance(source, Mapping) or configured_provenance({"source": source}) == "real":
        return None
    known = source.get("symbols")
    return known if isinstance(known, list) else None


def _passed_over(values: Mapping[str, Any], *, schema: str) -> Iterator[Problem]:
    """Refuse what the command would not do, such as to stop at a dry run."""
    command = schema.rpartition(".")[2].removesuffix("Config").lower()
    for key, commands in _OBEYED_BY.items():
        if values.get(key) and command not in commands:
            listed = " and ".join(f"multisymbol {name}" for name in commands)
            yield Problem(path=key, text=f"this command has none; {listed} have")
    if values.get("dry_run") and values.get("resume"):
        yield Problem(path="dry_run", text="a resumed run goes on as it was started; leave out one of the two")


def _out_of_range(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Refuse what Lightning would refuse only once the data has been prepared."""
    trainer = values.get("trainer")
    epochs = trainer.get("max_epochs") if isinstance(trainer, Mapping) else None
    if isinstance(epochs, int) and epochs < 1:
        yield Problem(path="trainer.max_epochs", text=f"expected 1 or more, got {epochs}")


def _with_cure(problem: Problem) -> Problem:
    """Say why costs must be given."""
    parts = problem.path.split(".")
    if problem.text == "missing" and parts[0] == "asset_class" and "costs" in parts:
        return Problem(path=problem.path, text=f"missing: {_COSTS_CURE}")
    return problem


def _in_table(lines: Sequence[str], selection: Mapping[str, Any]) -> list[str]:
    """Give problems of members that come from the table alone the line they stand in."""
    of_members = [line for line in lines if line.startswith("symbols.") and not line.startswith("symbols.file:")]
    if selection.get("file") is None or not of_members:
        return list(lines)
    file, kept, remarks = Path(selection["file"]), [], []
    rows = {name: line for name, line in member_lines(file).items() if name not in selection["members"]}
    for line in lines:
        inner = line.removeprefix("symbols.")
        owner = next((name for name in _heads(inner) if name in rows), None) if inner != line else None
        if owner is None:
            kept.append(line)
        else:
            remarks.append(Remark(line=rows[owner], text=inner[len(owner) + 1 :]))
    return [*kept, *located(remarks, path=file)]


def _heads(path: str) -> Iterator[str]:
    """Yield what a dotted path may begin with, the longest first: a symbol may have a dot."""
    parts = path.partition(": ")[0].split(".")
    return (".".join(parts[:n]) for n in range(len(parts), 0, -1))


def _as_problem(line: str) -> Problem:
    path, _, text = line.partition(": ")
    own = path.startswith("symbols.") and path not in {"symbols.only", "symbols.without", "symbols.file"}
    path = path.replace("asset_classes.", "asset_class.", 1) if path.startswith("asset_classes.") else path
    return Problem(path=path.replace("symbols.", "symbols.members.", 1) if own else path, text=text.strip())


def symbol_configs(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Resolve default < asset class < symbol for the members in use.

    Raises:
        SymbolError: See `multisymbol.markets.symbols.resolve_symbols`; or a selected member is unknown.
    """
    return resolve_symbols(
        symbols=_selected(values),
        asset_classes=values["asset_class"],
        features=values["features"],
        labels=values["labels"],
        label_name=short_name(values["labels"]),
    )


def _selected(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Apply `symbols.only`, `symbols.without` and, where the model is one symbol's, `symbol`."""
    selection = values["symbols"]
    known = members(values)
    only, without = selection.get("only"), selection.get("without") or []
    chosen = list(known) if only is None else only
    named = [("symbols.only", name) for name in only or []] + [("symbols.without", name) for name in without]
    if values["mode"] in OF_ONE_SYMBOL:
        if values["symbol"] is None:
            message = f"\n  symbol: mode={values['mode']} needs one, for example symbol={next(iter(known), 'AAPL')}"
            raise SymbolError(message)
        chosen = [values["symbol"]]
        named.append(("symbol", values["symbol"]))
    unknown = [
        f"  {key}: no member '{name}'{nearest(name, list(known)) or '.'} Members: {_listed(known)}"
        for key, name in named
        if name not in known
    ]
    if unknown:
        raise SymbolError("\n".join(["symbols are not in the universe", *unknown]))
    left = {name: known[name] for name in chosen if name not in without}
    if not left:
        raise SymbolError("\n  symbols: no member is left; see symbols.only and symbols.without")
    return left


def members(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entry of every member, those of the page laid over those of its table."""
    selection = values["symbols"]
    own: dict[str, dict[str, Any]] = selection["members"]
    if selection.get("file") is None:
        return own
    table = read_members(Path(selection["file"]), asset_classes=tuple(values["asset_class"]))
    return table | {name: _over(table.get(name), entry, depth=3) for name, entry in own.items()}


def _over(below: Any, above: Any, *, depth: int) -> Any:
    """Lay mappings over one another down to `depth` levels: an indicator's parameters, but a membership whole."""
    if depth == 0 or not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{key: _over(below.get(key), value, depth=depth - 1) for key, value in above.items()}}


def _listed(members: Mapping[str, Any], most: int = 12) -> str:
    names = list(members)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


computed("symbol_configs", symbol_configs)
