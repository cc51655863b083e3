"""A stored model that answers for raw bars: in a process, or served by MLflow over HTTP."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multisymbol.serving.served_model import Served


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> "Served":
    """Load a stored model for MLflow, which finds this function by the module's name in the MLmodel file.

    Args:
        path: The folder with `MLmodel` and `bundle/`.
        model_config: None: a stored model has no choices left.
    """
    from multisymbol.serving.served_model import load_served

    return load_served(path, model_config)
