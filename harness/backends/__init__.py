"""Where workers run: processes of this machine, or actors on a Ray cluster.

May import training and all below, space and study too. `Backend` starts a `Worker` for each slot;
`WorkerSetup` is what every worker loads, `Cluster` where Ray is. A trial passes as a `TrainingJob`
to `Worker.train`, and comes back from `serve` as messages, each event waiting for its answer.
"""
