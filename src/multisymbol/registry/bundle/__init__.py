"""A stored model as files: format, MLflow flavor, exchange and security."""
