"""A study on disk: its record, Optuna's journal of its trials, and the folders of its trainings.

May import `space`, `training` and what lies below them. Main types: `StudyRecord`, `TrialStorage`
over a `StudyJournal`, leaderboard `Entry`, `StoredStudy` for repairs and forks. A trial passes
`optuna_trials`, which turns rungs and outcomes into what Optuna stores.
"""
