"""What Optuna does for a study: samplers, pruners, importances and plots, by public names alone.

May import `study`, `space` and what lies below them. `samplers` builds the sampler of one trial,
`pruners` the pruner of a study, held to the rules of rungs; `cma_sampler` is a sampler of our own.
A trial passes `samplers.sampler_for` when it is asked for, and `RungPruner` at each rung.
"""
