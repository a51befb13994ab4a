"""Workers as actors on a Ray cluster: the only room that imports Ray.

May import what `backends` may. Main types: `RayBackend` places workers, `RayWorker` is one of them
from the runner's side and `WorkerActor` the same one inside its process. A job reaches an actor as
a `JobMessage`; what the training reports comes back as `WorkerMessage`s, with changed files.
"""

import os

IMPATIENCE = {
    # Where somebody else listens, Ray waits for 12 minutes otherwise, deaf to signals.
    "RAY_NUM_REDIS_GET_RETRIES": "1",
    "RAY_py_gcs_connect_timeout_s": "10",
}
_SETTINGS = IMPATIENCE | {
    # Ray reports to its makers otherwise.
    "RAY_USAGE_STATS_ENABLED": "0",
    # It ends this process a minute after the cluster's head was lost; `HeadMonitor` is earlier.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "3600",
    # It puts the machine's public address in the place of 127.0.0.1 otherwise.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # What it prints of a worker's death goes to standard output, whatever `log_to_driver` is.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "^",
}
for _name, _value in _SETTINGS.items():  # Ray reads them when it is imported
    os.environ.setdefault(_name, _value)
