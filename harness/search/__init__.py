"""Run a study: the brain, its workers and the only room that imports optuna."""
