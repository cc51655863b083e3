"""Registered names: how a stored thing says which class of ours it means, whatever file the class lies in.

A configuration in use names a class by its dotted path. What is stored (a bundle's and a run's `config.json`, a
comparison's plan, a panel's recipe) names it as `role:name`, for example `network:mlp`, so that moving a file breaks
nothing. `stored_form` writes those names and `current_form` reads them back, as well as every path that an earlier
release stored. Nothing is imported here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

Role: TypeAlias = Literal[
    "network", "loss", "optimizer", "scheduler", "lr_scheduler", "callback", "trainer", "label",
    "source", "vendor", "defect_policy", "defect_limits", "alignment", "split", "sampling", "scaling",
    "finetune", "arm", "decision", "position_rules", "weighting", "policy", "asset_class", "metric", "section",
]  # fmt: skip
"""What a class named by a configuration is for."""
ROLES: tuple[Role, ...] = get_args(Role)

OURS: Mapping[Role, Mapping[str, str]] = {
    "network": {
        "mlp": "multisymbol.learning.networks.mlp.Mlp",
        "gru": "multisymbol.learning.networks.recurrent.Gru",
        "lstm": "multisymbol.learning.networks.recurrent.Lstm",
        "tcn": "multisymbol.learning.networks.convolution.Tcn",
        "transformer": "multisymbol.learning.networks.attention.Transformer",
    },
    "loss": {
        "class_weighted": "multisymbol.learning.losses.ClassWeightedCrossEntropy",
        "focal": "multisymbol.learning.losses.Focal",
        "label_smoothing": "multisymbol.learning.losses.LabelSmoothing",
        "ordinal": "multisymbol.learning.losses.Ordinal",
        "huber": "multisymbol.learning.losses.Huber",
    },
    "scheduler": {"schedule": "multisymbol.learning.schedules.Schedule"},
    "callback": {
        "early_stopping": "multisymbol.learning.callbacks.early_stopping",
        "progress": "multisymbol.learning.callbacks.Progress",
        "last_checkpoint": "multisymbol.learning.callbacks.LastCheckpoint",
    },
    "label": {
        "zigzag": "multisymbol.labels.zigzag.ZigZag",
        "triple_barrier": "multisymbol.labels.triple_barrier.TripleBarrier",
        "horizon": "multisymbol.labels.horizon.Horizon",
    },
    "source": {
        "synthetic": "multisymbol.markets.synthetic.SyntheticSource",
        "parquet": "multisymbol.markets.io.files.ParquetSource",
        "csv": "multisymbol.markets.io.files.CsvSource",
        "download": "multisymbol.markets.io.download.DownloadSource",
        "surrogate": "multisymbol.markets.surrogate.SurrogateSource",
        "planted": "multisymbol.markets.planted.PlantedSource",
        "opening": "multisymbol.markets.planted.OpeningSource",
    },
    "vendor": {"yfinance": "multisymbol.markets.io.vendors.YFinance", "ccxt": "multisymbol.markets.io.vendors.Ccxt"},
    "defect_policy": {"by_kind": "multisymbol.markets.io.defects.OnDefect"},
    "defect_limits": {"limits": "multisymbol.markets.io.defects.Limits"},
    "alignment": {"hours": "multisymbol.samples.alignment.Alignment"},
    "split": {
        "single_cut": "multisymbol.samples.cut.SingleCut",
        "walk_forward": "multisymbol.samples.walk_forward.WalkForward",
        "combinatorial": "multisymbol.samples.combinatorial.CombinatorialPurged",
        "leave_symbols_out": "multisymbol.samples.left_out.LeaveSymbolsOut",
    },
    "sampling": {
        "balanced": "multisymbol.samples.mixture.Balanced",
        "concat": "multisymbol.samples.mixture.Concat",
        "interleaved": "multisymbol.samples.mixture.Interleaved",
        "temperature": "multisymbol.samples.mixture.TemperatureMixture",
        "undersampled": "multisymbol.samples.mixture.Undersampled",
    },
    "scaling": {"class_shrunk": "multisymbol.features.scaling.Scaling"},
    "finetune": {
        "all": "multisymbol.learning.finetuning.AllWeights",
        "head": "multisymbol.learning.finetuning.HeadOnly",
        "adapter": "multisymbol.learning.finetuning.Adapter",
    },
    "arm": {
        "universal": "multisymbol.comparison.arms.Universal",
        "single": "multisymbol.comparison.arms.Single",
        "zero_shot": "multisymbol.comparison.arms.ZeroShot",
        "finetuned": "multisymbol.comparison.arms.Finetuned",
        "pooled": "multisymbol.comparison.arms.Pooled",
        "prior": "multisymbol.comparison.arms.Prior",
        "rule": "multisymbol.comparison.arms.MechanicalBaseline",
    },
    "decision": {
        "threshold": "multisymbol.backtest.decision.Threshold",
        "forecast": "multisymbol.backtest.decision.Forecast",
        "probability_weighted": "multisymbol.backtest.decision.ProbabilityWeighted",
        "volatility_target": "multisymbol.backtest.decision.VolatilityTarget",
    },
    "position_rules": {"rules": "multisymbol.backtest.decision.PositionRules"},
    "weighting": {
        "equal": "multisymbol.backtest.portfolio.EqualWeight",
        "inverse_volatility": "multisymbol.backtest.portfolio.InverseVolatility",
    },
    "policy": {
        "evidence": "multisymbol.registry.selection.policies.EvidencePolicy",
        "fixed_order": "multisymbol.registry.selection.policies.FixedOrder",
    },
    "asset_class": {"asset_class": "multisymbol.markets.symbols.AssetClass"},
}
"""Role -> name -> what of this package may be named there. A file may move; a name never changes."""

_OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD")
_LR_SCHEDULERS = {
    "constant": "ConstantLR", "cosine": "CosineAnnealingLR", "cosine_restarts": "CosineAnnealingWarmRestarts",
    "cyclic": "CyclicLR", "exponential": "ExponentialLR", "linear": "LinearLR", "multi_step": "MultiStepLR",
    "one_cycle": "OneCycleLR", "plateau": "ReduceLROnPlateau", "polynomial": "PolynomialLR", "step": "StepLR",
}  # fmt: skip
_CALLBACKS = {
    "device_stats": "device_stats_monitor.DeviceStatsMonitor",
    "gradient_accumulation": "gradient_accumulation_scheduler.GradientAccumulationScheduler",
    "learning_rate": "lr_monitor.LearningRateMonitor",
    "lightning_early_stopping": "early_stopping.EarlyStopping",
    "timer": "timer.Timer",
}
LIBRARIES: Mapping[Role, Mapping[str, str]] = {
    "optimizer": {name.lower(): f"torch.optim.{name.lower()}.{name}" for name in _OPTIMIZERS},
    "lr_scheduler": {name: f"torch.optim.lr_scheduler.{path}" for name, path in _LR_SCHEDULERS.items()},
    "callback": {name: f"lightning.pytorch.callbacks.{path}" for name, path in _CALLBACKS.items()},
    "trainer": {"lightning": "lightning.pytorch.trainer.trainer.Trainer"},
}
"""Role -> name -> what of torch and Lightning may be named there: nothing that writes files where it is told to."""

EARLIER: Mapping[str, str] = {
    "multisymbol.evaluation.trading.decision.Discipline": "position_rules:rules",
    "multisymbol.evaluation.trading.decision.Forecast": "decision:forecast",
    "multisymbol.evaluation.trading.decision.ProbabilityWeighted": "decision:probability_weighted",
    "multisymbol.evaluation.trading.decision.Threshold": "decision:threshold",
    "multisymbol.evaluation.trading.decision.VolatilityTarget": "decision:volatility_target",
    "multisymbol.evaluation.trading.portfolio.EqualWeight": "weighting:equal",
    "multisymbol.evaluation.trading.portfolio.InverseVolatility": "weighting:inverse_volatility",
    "multisymbol.markets.csv_files.CsvSource": "source:csv",
    "multisymbol.markets.io.csv.CsvSource": "source:csv",
    "multisymbol.markets.io.parquet.ParquetSource": "source:parquet",
    "multisymbol.markets.defects.Limits": "defect_limits:limits",
    "multisymbol.markets.defects.OnDefect": "defect_policy:by_kind",
    "multisymbol.markets.downloads.DownloadSource": "source:download",
    "multisymbol.markets.sources.ParquetSource": "source:parquet",
    "multisymbol.markets.vendors.Ccxt": "vendor:ccxt",
    "multisymbol.markets.vendors.YFinance": "vendor:yfinance",
    "multisymbol.registry.policies.Evidence": "policy:evidence",
    "multisymbol.registry.policies.FixedOrder": "policy:fixed_order",
    "multisymbol.samples.mixture.Temperature": "sampling:temperature",
    "multisymbol.samples.fold.SingleCut": "split:single_cut",
    "multisymbol.samples.splits.SingleCut": "split:single_cut",
    "multisymbol.workflows.arms.Finetuned": "arm:finetuned",
    "multisymbol.workflows.arms.Pooled": "arm:pooled",
    "multisymbol.workflows.arms.Prior": "arm:prior",
    "multisymbol.workflows.arms.Rule": "arm:rule",
    "multisymbol.workflows.arms.Single": "arm:single",
    "multisymbol.workflows.arms.Universal": "arm:universal",
    "multisymbol.workflows.arms.ZeroShot": "arm:zero_shot",
}
"""Paths that earlier releases stored -> the name of what was meant; a path that is still right is not listed."""

LOADER = "multisymbol.serving"
"""The module that an MLmodel file names: MLflow imports it to load one of our models."""
EARLIER_LOADERS = ("multisymbol.evaluation.serving",)
"""What MLmodel files of earlier releases name; such a module still exists."""

PLACES: Mapping[tuple[str, ...], Role] = {
    ("source",): "source",
    ("alignment",): "alignment",
    ("labels",): "label",
    ("scaling",): "scaling",
    ("split",): "split",
    ("sampling",): "sampling",
    ("model",): "network",
    ("loss",): "loss",
    ("optimizer",): "optimizer",
    ("scheduler",): "scheduler",
    ("callbacks", "*"): "callback",
    ("trainer",): "trainer",
    ("finetune",): "finetune",
    ("registry", "policy"): "policy",
    ("arms", "*"): "arm",
    ("decision",): "decision",
    ("backtest", "weighting"): "weighting",
    ("asset_class", "*"): "asset_class",
    ("metrics", "*"): "metric",
    ("sections", "*"): "section",
    ("symbol_configs", "*", "label"): "label",
}
"""Keys of a configuration that may name a class (`*`: any key) -> its role. No other key may."""
NESTED: Mapping[Role, Mapping[str, Role]] = {
    "source": {"on_defect": "defect_policy", "limits": "defect_limits", "vendor": "vendor", "inner": "source"},
    "scheduler": {"factory": "lr_scheduler"},
    "split": {"cut": "split"},
    "arm": {"change": "finetune"},
    "decision": {"discipline": "position_rules"},
}
"""Role -> arguments that name a class themselves -> its role. No other argument may."""


_DEEPEST = 100


def named(role: Role) -> Mapping[str, str]:
    """Return name -> dotted path of all that may be named at a role without being the user's own code."""
    return MappingProxyType({**OURS.get(role, {}), **LIBRARIES.get(role, {})})


def role_at(path: tuple[str, ...]) -> Role | None:
    """Return the role of what a configuration names at a key, None where it may name nothing."""
    for pattern, role in PLACES.items():
        if len(pattern) == len(path) and all(part in {"*", key} for part, key in zip(pattern, path, strict=True)):
            return role
    return None


def stored_form(data: Any) -> Any:
    """Copy plain data, each `_target_` of the tables written as `role:name`; the user's own paths stay."""
    return _renamed(data, _STORED)


def current_form(data: Any) -> Any:
    """Copy plain data, each registered name, earlier path or common spelling written as the present dotted path."""
    return _renamed(data, _CURRENT)


def registered(target: str) -> str:
    """Return `role:name` of a dotted path, or the path itself where it is not registered."""
    return _STORED.get(target, target)


def short_name(node: Mapping[str, Any]) -> str:
    """Return the registered name of what a node names, such as `zigzag`; a class of the user's own in snake case."""
    target = str(node["_target_"])
    role_and_name = _STORED.get(_CURRENT.get(target, target))
    if role_and_name:
        return role_and_name.partition(":")[2]
    letters = target.rpartition(".")[2]
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in letters).lstrip("_")


def entries(value: Any) -> list[tuple[str, Any]]:
    """Return the entries of a mapping or a list by key; of anything else none."""
    if isinstance(value, Mapping):
        return [(str(key), item) for key, item in value.items()]
    return [(str(place), item) for place, item in enumerate(value)] if isinstance(value, list | tuple) else []


def _renamed(data: Any, table: Mapping[str, str], depth: int = 0) -> Any:
    if depth > _DEEPEST:  # no configuration: whoever judges it says so
        return data
    if isinstance(data, Mapping):
        return {
            key: table.get(value, value)
            if key == "_target_" and isinstance(value, str)
            else _renamed(value, table, depth + 1)
            for key, value in data.items()
        }
    return [_renamed(item, table, depth + 1) for item in data] if isinstance(data, list | tuple) else data


def _spellings() -> dict[str, str]:
    """Return how users also write classes of torch and Lightning -> their dotted paths."""
    short = {"optimizer": "torch.optim", "callback": "lightning.pytorch.callbacks", "trainer": "lightning"}
    classes = [(role, path) for role in ("optimizer", "callback", "trainer") for path in LIBRARIES[role].values()]
    found = {f"{short[role]}.{path.rpartition('.')[2]}": path for role, path in classes}
    return found | {"lightning.pytorch.Trainer": LIBRARIES["trainer"]["lightning"]}


_PATHS = {f"{role}:{name}": path for role in ROLES for name, path in named(role).items()}
_STORED: Mapping[str, str] = {path: name for name, path in _PATHS.items()}
_CURRENT: Mapping[str, str] = {**_PATHS, **{earlier: _PATHS[name] for earlier, name in EARLIER.items()}, **_spellings()}
assert len(_STORED) == len(_PATHS), "a class must have one name"
