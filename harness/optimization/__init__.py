"""What Optuna does for a study: samplers, pruners and importances."""
