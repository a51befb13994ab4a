"""Run a study: the runner, its workers and the only room that imports optuna."""
