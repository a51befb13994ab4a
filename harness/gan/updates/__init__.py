"""The update rules: what one step does to the two networks.

May import core, `gan.config` and `gan.networks`. `STEPS` are functions of a `Pair` of networks and
a `BatchSource` of images and noise; losses, regularizers, optimizers, schedules and averaging are
one file each. A trial's `Trainer` compiles them into its loop.
"""
