"""Turn a training's events into records: `history.jsonl`, and W&B runs that are views of it.

May import core and data; it is the only room that imports wandb. A `Tracker` takes events:
`emit(event)` and `close()`; `open_tracker` makes one from a `TrialIdentity` and `TrackerOptions`.
The runner opens a trial's tracker when it hands the job out, passes each event of the worker to
it, and closes it with the outcome; `catch_up` tells trackers an end that a crash kept from them.
"""
