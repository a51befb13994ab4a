"""Take what a client streams of a run: lines of its history, its summary, its end."""

import json
from typing import Any

from tests.tracking.wandb_server.received import ReceivedRun

_SUMMARY = "wandb-summary.json"
_INTERRUPTED = 255


def take(run: ReceivedRun, sent: dict[str, Any]) -> None:
    """Apply one request of the stream.

    A client may send lines again that it has heard no answer for: their numbers tell.

    Args:
        run: The run it is about.
        sent: By file, the number of the first line and the lines; perhaps the end.
    """
    if not run.states or (run.states[-1] != "running" and not sent.get("complete")):
        run.states.append("running")
    for name, chunk in (sent.get("files") or {}).items():
        if name == _SUMMARY:
            run.summary = json.loads(chunk["content"][-1])
            continue
        kept = run.lines.setdefault(name, {})
        for number, line in enumerate(chunk["content"], start=chunk["offset"]):
            if kept.get(number, line) != line:
                run.rewritten.append((name, number))
            kept[number] = line
    if sent.get("complete"):
        code = sent.get("exitcode", 0)
        run.states.append({0: "finished", _INTERRUPTED: "killed"}.get(code, "failed"))
