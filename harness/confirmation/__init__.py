"""Which of a search's leaders is really the best: new seeds, the test split, a race.

May import runner and all below. `ConfirmationJobs` is a source of jobs for the same `StudyRunner`
that runs sweeps, `Plan` what is retrained, `Race` what is still worth a seed, `Confirmation` the
result, and `Choice` the generator that is handed over. No trial passes here: its configuration
does, with another seed.
"""
