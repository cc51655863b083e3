"""Different trading hours in one universe: keep all hours and tell the network the time, or keep all and do not."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Alignment:
    """What is done about different trading hours: a file in `conf/alignment`.

    Args:
        clock_features: Whether the clock columns are among the features. All hours are kept either way.
    """

    clock_features: bool
