"""Ranges of the numbers networks have in common, refused all at once."""

from collections.abc import Mapping

from multisymbol.errors import ConfigError


def check_sizes(sizes: Mapping[str, int], *, dropout: float, further: str | None = None) -> None:
    """Check that sizes are 1 or more and dropout is a share.

    Args:
        sizes: Name of the parameter -> value.
        dropout: 0 <= p < 1.
        further: A problem of the network's own, if it has one.

    Raises:
        ConfigError: Lists every problem.
    """
    problems = [f"{name} must be 1 or more, got {size}" for name, size in sizes.items() if size < 1]
    if not 0 <= dropout < 1:
        problems.append(f"dropout must be at least 0 and below 1, got {dropout}")
    if further is not None:
        problems.append(further)
    if problems:
        raise ConfigError("model: " + "; ".join(problems))
