"""What runs a study: one loop for sweeps and confirmations, which differ in their source of jobs.

May import backends, optimization and all below. `StudyRunner` is the loop, `JobSource` what it
asks, `StudyJobs` a sweep's source; `WorkerPool` keeps workers running. A trial passes from
`StudyJobs.next` to a worker's slot, its events from there to `StudyRunner`, and its outcome to
`StudyJobs.record`: the trial's folder first, then Optuna, then the trackers.
"""
