"""Search spaces: YAML in; validated parameters, budget, sampler, pruner and protocol out.

May import `gan` (whose `GANConfig` has the fields to search), `data`, `core`; no Optuna before a
trial is suggested. Main types: `SearchSpace`, its `Parameter`s with variants (`Fixed`, `Choices`
or `Range`), and `Settings`. A trial passes `SearchSpace.suggest`, which turns what a sampler
proposes into a `GANConfig`.
"""
