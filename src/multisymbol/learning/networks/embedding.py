"""What a network may know of the symbol it looks at: nothing, its number, or its asset class; slot 0 is `unknown`."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkShape:
    """What the data fix about a network.

    Args:
        features: F.
        window: T, bars.
        symbols: Trained symbols; slots 1..symbols.
        asset_classes: Trained classes; slots 1..asset_classes.
        classes: C, label classes.
    """

    features: int
    window: int
    symbols: int
    asset_classes: int
    classes: int = 3
