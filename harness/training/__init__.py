"""One GAN trained, scored and saved, for `train`, `sweep` and `confirm` alike.

May import core, data, gan, metrics and tracking. A `TrainingJob` says what to train, where and
when to score; `TrainingLoop` takes it to its outcome, with a `Trainer` for the steps; what jobs of
one process share is a `TrainingContext`. A worker gives each trial to `run_job`, and its events
and the answers to them are all that a runner sees.
"""
