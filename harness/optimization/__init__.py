"""What Optuna does for a study: samplers, pruners, importances and plots, by public names alone.

May import `study`, `space` and what lies below them. `samplers` builds the sampler of one trial,
`pruners` the pruner of a study, held to the rules of rungs, `promotion` says which paused trial
goes on. A trial passes `samplers.sampler_for` when it is asked for, `RungPruner` at each rung.
"""
