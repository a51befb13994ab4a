"""The configuration of a training, its sections and the rules between them.

May import core. `GANConfig` is frozen and validated: sections hold fields, bounds and defaults,
`RULES` say what excludes each other, and `RENAMED_KEYS` name what was called otherwise. A trial's
configuration is made here from what the sampler proposed, before anything is trained.
"""
