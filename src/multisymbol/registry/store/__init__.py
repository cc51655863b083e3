"""The MLflow store: runs, registered versions, queries and cleanup."""
