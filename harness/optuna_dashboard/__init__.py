"""Show a study in Optuna's dashboard: on this machine alone, and only to look at.

May import study, training, tracking and core. `LiveDashboard` answers from a copy of the study
in memory that `make_view` makes anew every few seconds, with a note and the sample grids of each
trial. A trial passes as what Optuna holds of it, joined with the outcome in its folder.
"""
