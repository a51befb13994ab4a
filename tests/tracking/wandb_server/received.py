"""What a server of W&B's was given: runs, their rows and files, and artifacts."""

import base64
import dataclasses
import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any

ENTITY = "tester"


@dataclasses.dataclass
class ReceivedRun:
    """One run the way its page would show it.

    Args:
        id: Its id, by which clients name it.
        project: The project it lies in.
        entity: The account that the project belongs to.
        fields: Name, group, type, notes and tags, as the last client said them.
        config: Its configuration, nested.
        lines: What was streamed, by file name and number of line: the history, a row a line.
        summary: The summary as last streamed.
        files: Media and others, by path.
        states: `running` at each beginning, and how each ended: `finished`, `failed`, `killed`.
        rewritten: Lines that came twice with another content, by file name.
    """

    id: str
    project: str
    entity: str
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    lines: dict[str, dict[int, str]] = dataclasses.field(default_factory=dict)
    summary: dict[str, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    states: list[str] = dataclasses.field(default_factory=list)
    rewritten: list[tuple[str, int]] = dataclasses.field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the history in the order of its lines."""
        kept = self.lines.get("wandb-history.jsonl", {})
        return [json.loads(kept[number]) for number in sorted(kept)]

    def column(self, key: str) -> list[Any]:
        """Return the values of one metric, rows without it left out."""
        return [row[key] for row in self.rows if key in row]

    def media(self, key: str) -> list[bytes | None]:
        """Return the files behind a column of media; None for one that never came."""
        return [self.files.get(value["path"]) for value in self.column(key)]


@dataclasses.dataclass
class ReceivedArtifact:
    """A version of an artifact.

    Args:
        id: What the server calls it.
        run: Id of the run that logged it.
        request: What the client said of it: type, name, aliases, metadata, description, digest.
        manifest: The list of its files, once uploaded.
        files: Its files by path.
        is_committed: Whether the client called it whole.
    """

    id: str
    run: str
    request: dict[str, Any]
    manifest: bytes = b""
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    is_committed: bool = False

    @property
    def type(self) -> str:
        """Return its type, e.g. `model`."""
        return str(self.request["artifactTypeName"])

    @property
    def name(self) -> str:
        """Return what all its versions are called."""
        names = self.request.get("artifactCollectionNames")
        return str(names[0] if names else self.request["artifactCollectionName"])

    @property
    def aliases(self) -> set[str]:
        """Return the names of this version."""
        return {alias["alias"] for alias in self.request.get("aliases") or ()}

    @property
    def metadata(self) -> dict[str, Any]:
        """Return what is shown beside it."""
        return dict(json.loads(self.request.get("metadata") or "{}"))

    def contents(self) -> dict[str, bytes]:
        """Return its files by path, after comparing each with the manifest's size and digest.

        Raises:
            ValueError: If a file never came, or is another than the manifest says.
        """
        listed = json.loads(self.manifest)["contents"]
        for path, entry in listed.items():
            content = self.files.get(path)
            if content is None:
                raise ValueError(f"{self.name}: {path} never came.")
            digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest())
            if (len(content), digest.decode()) != (entry["size"], entry["digest"]):
                raise ValueError(f"{self.name}: {path} is not what the manifest lists.")
        return {path: self.files[path] for path in listed}


@dataclasses.dataclass
class Received:
    """All that one server was given. Requests come in threads: hold `lock` to change it."""

    runs: dict[str, ReceivedRun] = dataclasses.field(default_factory=dict)
    artifacts: dict[str, ReceivedArtifact] = dataclasses.field(default_factory=dict)
    requests: list[str] = dataclasses.field(default_factory=list)
    views: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    unknown: list[str] = dataclasses.field(default_factory=list)
    lock: threading.RLock = dataclasses.field(default_factory=threading.RLock)

    def of_type(self, job_type: str) -> list[ReceivedRun]:
        """Return the runs of a type by id."""
        found = (run for run in self.runs.values() if run.fields.get("jobType") == job_type)
        return sorted(found, key=lambda run: run.id)

    def versions(self, artifact_type: str) -> Iterator[ReceivedArtifact]:
        """Yield the whole versions of all artifacts of a type, the oldest first."""
        for artifact in self.artifacts.values():
            if artifact.type == artifact_type and artifact.is_committed:
                yield artifact

    def latest(self, run: str, artifact_type: str) -> ReceivedArtifact:
        """Return the newest whole version that a run logged.

        Raises:
            ValueError: If there is none.
        """
        found = [each for each in self.versions(artifact_type) if each.run == run]
        if not found:
            raise ValueError(f"{run} logged no artifact of type {artifact_type}.")
        return found[-1]
