"""Optuna's dashboard on a study, read-only."""
