"""The MLflow store: runs, metrics, figures, data sets and registered models; the only importer of mlflow."""
