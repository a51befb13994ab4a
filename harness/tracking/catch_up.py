"""Tell the trackers how a training ended, where a crash kept that from them."""

from harness.core.errors import StorageError
from harness.core.events import Event, Finished
from harness.core.outcome import Outcome
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history, rewrite_history
from harness.tracking.tracker import TrackerOptions, TrialIdentity
from harness.tracking.wandb_mode import wandb_mode
from harness.tracking.wandb_replay import replay_to_wandb, wandb_fault


def catch_up(
    tracker: str, identity: TrialIdentity, outcome: Outcome, options: TrackerOptions
) -> None:
    """Make history and W&B's offline log tell the end that the folder tells.

    A process may die after `outcome.json` and before the trackers hear of it, and a folder of
    W&B's may be removed; what is lacking is replayed. A history damaged in its middle is left to
    `doctor`, and runs logged online to W&B's server.

    Args:
        tracker: Key of `TRACKERS`.
        identity: The training, which has ended.
        outcome: Its end.
        options: How much is logged, and where to.

    Raises:
        StorageError: If the logs cannot be written.
    """
    if tracker == "none":
        return
    file = identity.folder / HISTORY_NAME
    try:
        history = read_history(file)
    except StorageError:
        return
    if [event.outcome for event in history if isinstance(event, Finished)] != [outcome]:
        history = tell_end(history, outcome)
        rewrite_history(file, history)
    if tracker != "wandb" or wandb_mode(identity.wandb_root, options.wandb_mode).mode != "offline":
        return
    fault = wandb_fault(identity, history)
    if fault is not None:
        replay_to_wandb(identity, history, fault, options)


def tell_end(history: list[Event], outcome: Outcome) -> list[Event]:
    """Return a history that ends with this outcome and with no other.

    Args:
        history: What was said so far.
        outcome: The end.
    """
    return [*(event for event in history if not isinstance(event, Finished)), Finished(outcome)]
