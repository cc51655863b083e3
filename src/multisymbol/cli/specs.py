"""From a checked configuration to the typed specifications the engine takes: the only place that reads its keys."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multisymbol.cli.schema import symbol_configs
from multisymbol.config.build import build
from multisymbol.config.record import ConfigRecord
from multisymbol.features.pipeline import FeatureSpec, feature_spec
from multisymbol.markets.io.source import ExaminedSource
from multisymbol.markets.resampling import Resampled
from multisymbol.markets.symbols import universe
from multisymbol.markets.time import Period

if TYPE_CHECKING:
    from multisymbol.comparison.spec import CompareSpec
    from multisymbol.registry.store.store import Store
    from multisymbol.reports.page import OwnSection
    from multisymbol.reports.training_artifacts import TrainingReport
    from multisymbol.samples.dataset import DataSpec
    from multisymbol.serving.metrics import ScoreMetric
    from multisymbol.training.finetune import Parent
    from multisymbol.training.fit import FitSpec
    from multisymbol.training.spec import RunSpec, SweepJob, TrainSpec

Values = Mapping[str, Any]
"""A plain, resolved and checked configuration."""


def source_of(values: Values, *, finer: bool = False) -> ExaminedSource:
    """Build the source of bars, made coarser where `resample` names a timeframe.

    Args:
        values: The configuration.
        finer: Leave it as it is.

    Raises:
        ConfigError: The source refuses its arguments, or its bars cannot be made that coarse.
    """
    source: ExaminedSource = build(values["source"], role="source")
    timeframe = values["resample"]
    return source if finer or timeframe is None else Resampled(source=source, timeframe=timeframe)


def features_of(values: Values) -> FeatureSpec:
    """Return the columns a configuration asks for."""
    features = values["features"]
    return feature_spec(
        indicators=features["indicators"],
        fuzzy=features["fuzzy"],
        raw=features["raw"],
        restart_bars=features["restart_bars"],
        clock=build(values["alignment"], role="alignment").clock_features,
    )


def data_spec(values: Values) -> "DataSpec":
    """Return the data of a configuration.

    Raises:
        MultisymbolError: A part refuses its arguments.
    """
    from multisymbol.samples.dataset import DataSpec

    symbols = universe(values["symbol_configs"])
    return DataSpec(
        universe=symbols,
        source=source_of(values),
        finer_source=source_of(values, finer=True),
        period=Period(**values["period"]),
        features=features_of(values),
        labellers={config.symbol: build(config.label, role="label") for config in symbols},
        alignment=build(values["alignment"], role="alignment"),
        split=build(values["split"], role="split"),
        sampling=build(values["sampling"], role="sampling"),
        scaling=build(values["scaling"], role="scaling"),
        window=values["window"],
        stride=values["stride"],
        sample_weights=values["sample_weights"],
        least_class_share=values["least_class_share"],
        open_sealed=values["open_sealed"],
        cache=Path(values["paths"]["cache"]),
        cut_by=_cut_by(values),
    )


def _cut_by(values: Values) -> "DataSpec | None":
    """Return the universe that says where the data of `mode=single` is cut; None where its instants are given.

    So a symbol's own model is tested on the rows that the universal one is tested on. A run of an earlier release,
    whose shares are of the symbol's own time, is resumed as it was started.
    """
    split = values["split"]
    given = all(split.get(key) for key in ("validation_from", "test_from"))
    earlier = "test_share" in split and "shares_of" not in split
    if values["mode"] != "single" or given or earlier:
        return None
    whole = {**values, "mode": "universal"}
    return data_spec({**whole, "symbol_configs": symbol_configs(whole)})


def fit_spec(values: Values) -> "FitSpec":
    """Return how a configuration fits a network.

    Raises:
        MultisymbolError: A part refuses its arguments.
    """
    from multisymbol.training.fit import FitSpec

    return FitSpec(
        network=build(values["model"], role="network"),
        loss=build(values["loss"], role="loss"),
        optimizer=build(values["optimizer"], role="optimizer"),
        schedule=build(values["scheduler"], role="scheduler"),
        trainer=build(values["trainer"], role="trainer"),
        callbacks={name: partial(build, node, role="callback") for name, node in values["callbacks"].items()},
        finetune=build(values["finetune"], role="finetune"),
        seed=values["seed"],
        window=values["window"],
        batch_size=values["batch_size"],
        eval_batch_size=values["eval_batch_size"],
        metrics=own_metrics(values),
    )


def own_metrics(values: Values) -> "tuple[ScoreMetric, ...]":
    """Return the user's own test scores; a configuration of an earlier release has none."""
    return tuple(build(node, role="metric") for node in values.get("metrics", {}).values())


def own_sections(values: Values) -> "tuple[OwnSection, ...]":
    """Return the user's own sections of pages; a configuration of an earlier release has none."""
    return tuple(build(node, role="section") for node in values.get("sections", {}).values())


def training_report(values: Values) -> "TrainingReport":
    """Return what records trainings and writes model cards."""
    from multisymbol.reports.training_artifacts import TrainingReport

    return TrainingReport(metrics=own_metrics(values), sections=own_sections(values))


def store_of(values: Values) -> "Store":
    """Return the MLflow store a configuration names, prepared or not.

    Raises:
        StoreError: It names none.
    """
    from multisymbol.registry.store.store import Store

    return Store.of(values["registry"])


def run_spec(values: Values, *, sweep: "SweepJob | None" = None) -> "RunSpec":
    """Return how a configuration's run is kept."""
    from multisymbol.training.spec import RunSpec

    record = ConfigRecord(dict(values))
    return RunSpec(
        store=store_of(values),
        strategy=values["strategy"],
        mode=values["mode"],
        symbol=values["symbol"],
        symbols=tuple(values["symbol_configs"]),
        network=record.choice("model"),
        open_sealed=values["open_sealed"],
        record=record,
        sweep=sweep,
    )


def train_spec(values: Values, *, parent: "Parent | None" = None, sweep: "SweepJob | None" = None) -> "TrainSpec":
    """Return the training a configuration describes.

    Args:
        values: The configuration.
        parent: The stored model that is fitted further where the mode is finetune; see `inherited`.
        sweep: The sweep it is a job of.

    Raises:
        MultisymbolError: A part refuses its arguments.
    """
    from multisymbol.training.spec import TrainSpec

    return TrainSpec(
        data=data_spec(values),
        fit=fit_spec(values),
        run=run_spec(values, sweep=sweep),
        register=bool(values["registry"]["register"]),
        parent=parent,
    )


def compare_spec(values: Values) -> "CompareSpec":
    """Return the comparison a configuration (`conf/compare.yaml`) describes.

    Raises:
        MultisymbolError: A part refuses its arguments, or a level or size is out of range.
    """
    from multisymbol.comparison.spec import CompareSpec, SurrogateSpec
    from multisymbol.statistics.compare import Plan

    declared = values["comparison"]
    of_plan = ("smallest", "alpha", "level", "power", "draws", "aa_draws", "seed", "weights", "exploratory")
    return CompareSpec(
        data=data_spec(values),
        fit=fit_spec(values),
        run=run_spec(values),
        arms={name: build(node, role="arm") for name, node in values["arms"].items()},
        primary=declared["primary"],
        seeds=tuple(declared["seeds"]),
        plan=Plan(**{name: declared[name] for name in of_plan}),
        # A comparison that was started before there was a choice continues as it was declared.
        budget=declared.get("budget", "epochs"),
        capital=declared.get("capital", 1.0),
        surrogates=SurrogateSpec(**declared["surrogates"]),
        decision=build(values["decision"], role="decision"),
        threads=declared["threads"],
        register=bool(values["registry"]["register"]),
        promote=bool(values["promote"]),
    )
