"""Where MLflow looks for the loader of a model that was stored before `multisymbol.serving` had its present place."""

from multisymbol.serving import _load_pyfunc

__all__ = ["_load_pyfunc"]
