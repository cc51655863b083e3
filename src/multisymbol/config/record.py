"""The configuration as a run stores it: written whole, described for people, changed by named operations only.

Nothing computes from a record. It is what a resume reads back, what a stored model carries, and what runs are
compared by.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from multisymbol.config.names import stored_form

OF_ONE_SYMBOL = ("single", "finetune")
"""Modes whose model is that of one symbol."""
_PARAM_GROUPS = ("alignment", "labels", "scaling", "split", "sampling", "model", "loss", "optimizer")
_PARAM_KEYS = ("strategy", "mode", "symbol", "from", "seed", "window", "stride", "batch_size")
_OF_THE_MACHINE = {"paths", "registry", "trust", "metrics", "sections"}
"""Keys that say where things are kept, whom this user trusts and what is reported, not what the model is."""
_OF_A_COMPARISON = {"comparison", "arms", "decision", "promote"}
"""Keys that a comparison has and a training has not."""
_NOT_DECIDING = {"dry_run", "resume", "promote", "symbols", "asset_class", "finetune", "strategy", *_OF_THE_MACHINE}
"""Keys that change no number of a comparison, or whose outcome is in `symbol_configs`."""


@dataclass(frozen=True, slots=True)
class ConfigRecord:
    """A resolved configuration: `data` is a plain mapping, as JSON can hold it."""

    data: Mapping[str, Any]

    def stored(self) -> dict[str, Any]:
        """Return it as JSON keeps it, classes by their registered names."""
        stored: dict[str, Any] = stored_form(self.data)
        return stored

    def portable(self) -> dict[str, Any]:
        """Return it without what belongs to the machine: the form a stored model carries."""
        return {key: value for key, value in self.data.items() if key not in _OF_THE_MACHINE}

    def params(self) -> dict[str, object]:
        """Return the choices one compares runs by: single keys, and the groups with their values."""
        params: dict[str, object] = {key: self.data[key] for key in _PARAM_KEYS}
        params["symbols"] = len(self.data["symbol_configs"])
        params["max_epochs"] = self.data["trainer"]["max_epochs"]
        for group in _PARAM_GROUPS:
            params[group] = self.choice(group)
            params |= {f"{group}.{key}": value for key, value in self.data[group].items() if not key.startswith("_")}
        return params

    def backtest_params(self) -> dict[str, object]:
        """Return the choices one compares backtests by."""
        decision, chosen = self.data["decision"], self.data["backtest"]
        rules = decision.get("discipline") or {}  # a decision rule of the user's own may have none
        return {
            "decision": self.choice("decision"),
            **{f"decision.{key}": value for key, value in decision.items() if key not in {"_target_", "discipline"}},
            **{f"decision.{key}": value for key, value in rules.items() if key != "_target_"},
            **{f"backtest.{key}": value for key, value in chosen.items() if key != "weighting"},
            "backtest.weighting": _class_name(chosen["weighting"]),
            **{key: self.data[key] for key in ("from", "symbol", "strategy", "mode", "match", "allow_seen")},
        }

    def choice(self, group: str) -> str:
        """Name the class a group's file names, such as `Mlp`."""
        return _class_name(self.data[group])

    @property
    def label(self) -> str:
        """The default label definition as a stored model's tag says it: `ZigZag(threshold=volatility, ...)`."""
        return self._written("labels")

    @property
    def decision(self) -> str:
        """The decision rule of a comparison: `Threshold(enter_confidence=0.5, ...)`."""
        return self._written("decision", without="discipline")

    def _written(self, group: str, *, without: str = "") -> str:
        items = self.data[group].items()
        given = ", ".join(f"{key}={value}" for key, value in items if key != without and key[0] != "_")
        return f"{self.choice(group)}({given})"

    @property
    def source(self) -> str:
        """Where the bars came from: a folder, or the class of the source."""
        return str(self.data["source"].get("root", self.data["source"]["_target_"]))

    @property
    def stamped(self) -> str:
        """Whether timestamps of the source's bars are their `open` or their `close`."""
        return str(self.data["source"].get("stamped", "open"))

    def symbol_config(self, symbol: str) -> Mapping[str, Any]:
        """Return the resolved configuration of a symbol."""
        found: Mapping[str, Any] = self.data["symbol_configs"][symbol]
        return found

    def of_symbol(self, symbol: str) -> "ConfigRecord":
        """Return the record of a symbol's own model among those of a universe."""
        own = {
            "mode": "single",
            "symbol": symbol,
            "symbol_configs": {symbol: self.symbol_config(symbol)},
            "sampling": {**self.data["sampling"], "symbol_weights": None},
        }
        return ConfigRecord({**self.data, **own})

    def changed(self, **changes: Any) -> "ConfigRecord":
        """Return the record with top-level keys replaced."""
        return ConfigRecord({**self.data, **changes})

    def of_training(self, *, seed: int) -> "ConfigRecord":
        """Return the record of one training of a comparison's universal arm."""
        kept = {key: value for key, value in self.data.items() if key not in _OF_A_COMPARISON}
        return ConfigRecord({**kept, "seed": seed})

    def deciding(self) -> dict[str, Any]:
        """Return the part of a comparison's configuration that can change a number: the part its plan is hashed over.

        Folders, machines, processes and threads are left out.
        """
        content = {key: value for key, value in self.data.items() if key not in _NOT_DECIDING}
        comparison = {key: value for key, value in self.data["comparison"].items() if key != "threads"}
        surrogates = {key: value for key, value in comparison["surrogates"].items() if key != "workers"}
        content["comparison"] = {**comparison, "surrogates": surrogates}
        content["source"] = {key: value for key, value in self.data["source"].items() if key != "root"}
        content["callbacks"] = {"early_stopping": self.data["callbacks"].get("early_stopping")}
        return content


def _class_name(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).rpartition(".")[2].rpartition(":")[2]


def differences(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield each key, dotted, whose value is not the same in two configurations, with both values as text."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted({*before, *now}):
            yield from differences(before.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif before != now:
        yield path, repr(before), repr(now)
