"""Answer the GraphQL operations that W&B's client and its `wandb sync` send, by their names.

An answer holds what the client's own query selects; a server may say more than was asked.
"""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from tests.tracking.wandb_server.received import (
    ENTITY,
    Received,
    ReceivedArtifact,
    ReceivedRun,
)

Variables = dict[str, Any]
_NAME = re.compile(r"(?:query|mutation)\s+(\w+)")
_FIELDS = ("displayName", "groupName", "jobType", "notes", "tags", "host", "program")


def answer(received: Received, request: dict[str, Any], address: str) -> dict[str, Any]:
    """Return the response to one request.

    Args:
        received: What the server keeps.
        request: The JSON of the request: `query` and `variables`.
        address: The server's own, for the addresses to upload to.
    """
    found = _NAME.search(request["query"])
    name = found.group(1) if found else ""
    with received.lock:
        received.requests.append(name)
        if name not in _OPERATIONS:
            received.unknown.append(name)
            return {"data": None, "errors": [{"message": f"no such operation: {name}"}]}
        data = _OPERATIONS[name](received, request.get("variables") or {}, address)
    return {"data": data}


def _viewer(*_: object) -> dict[str, Any]:
    who = {"entity": ENTITY, "username": ENTITY, "email": "", "flags": "{}", "admin": False}
    return {"viewer": {"id": "viewer", **who, "teams": {"edges": []}}}


def _features(*_: object) -> dict[str, Any]:
    return {"serverInfo": {"features": []}}


def _no_entity(*_: object) -> dict[str, Any]:
    return {"entity": None}


def _no_project(*_: object) -> dict[str, Any]:
    return {"project": None}


def _upsert_run(received: Received, said: Variables, _: str) -> dict[str, Any]:
    run = received.runs.get(said["name"])
    inserted = run is None
    if run is None:
        run = ReceivedRun(said["name"], said["project"], said.get("entity") or ENTITY)
        received.runs[run.id] = run
    if said.get("state"):
        run.states.append(said["state"])
    run.fields |= {key: said[key] for key in _FIELDS if said.get(key) is not None}
    if said.get("config"):
        run.config = {key: each["value"] for key, each in json.loads(said["config"]).items()}
    if said.get("summaryMetrics"):
        run.summary = json.loads(said["summaryMetrics"])
    return {"upsertBucket": {"bucket": _bucket(run), "inserted": inserted}}


def _bucket(run: ReceivedRun) -> dict[str, Any]:
    project = {"id": run.project, "name": run.project}
    return {
        "id": _global_id(run),
        "name": run.id,
        "displayName": run.fields.get("displayName"),
        "description": None,
        "sweepName": None,
        "tags": run.fields.get("tags") or [],
        "notes": run.fields.get("notes"),
        "project": project | {"entity": {"id": run.entity, "name": run.entity}},
        "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
        "summaryMetrics": json.dumps(run.summary),
        "historyLineCount": _line_count(run, "wandb-history.jsonl"),
        "eventsLineCount": _line_count(run, "wandb-events.jsonl"),
        "logLineCount": _line_count(run, "output.log"),
        "historyTail": json.dumps(_tail(run, "wandb-history.jsonl")),
        "eventsTail": json.dumps(_tail(run, "wandb-events.jsonl")),
        "wandbConfig": json.dumps({"t": 1}),
    }


def _global_id(run: ReceivedRun) -> str:
    return base64.b64encode(f"Run:v1:{run.id}:{run.project}:{run.entity}".encode()).decode()


def _line_count(run: ReceivedRun, file: str) -> int:
    return 1 + max(run.lines.get(file, {}), default=-1)


def _tail(run: ReceivedRun, file: str) -> list[str]:
    kept = run.lines.get(file, {})
    return [kept[max(kept)]] if kept else []


def _resume_status(received: Received, said: Variables, _: str) -> dict[str, Any]:
    run = received.runs.get(said["name"])
    if run is None:
        return {"model": None}
    bucket = _bucket(run)
    return {"model": {**bucket["project"], "bucket": bucket}}


def _create_run_files(received: Received, said: Variables, address: str) -> dict[str, Any]:
    run = received.runs[said["run"]]
    files = [
        {"name": name, "uploadUrl": f"{address}/upload/run/{run.id}/{name}"}
        for name in said["files"]
    ]
    return {"createRunFiles": {"runID": _global_id(run), "uploadHeaders": [], "files": files}}


def _mark_uploaded(*_: object) -> dict[str, Any]:
    return {"markRunFilesUploaded": {"success": True}}


def _create_artifact(received: Received, said: Variables, _: str) -> dict[str, Any]:
    request = said["input"]
    same = [
        each
        for each in received.artifacts.values()
        if each.is_committed and _content(each.request) == _content(request)
    ]
    if same:  # a server keeps one version of a content, and gives it the new aliases
        artifact, state = same[-1], "COMMITTED"
        artifact.request["aliases"] = request.get("aliases")
    else:
        artifact = ReceivedArtifact(f"a{len(received.artifacts)}", request["runName"], request)
        received.artifacts[artifact.id], state = artifact, "PENDING"
    sequence = {"latestArtifact": {"id": artifact.id} if same else None}
    told = {"id": artifact.id, "state": state, "artifactSequence": sequence}
    return {"createArtifact": {"artifact": told}}


def _content(request: dict[str, Any]) -> tuple[Any, ...]:
    keys = ("artifactTypeName", "artifactCollectionNames", "artifactCollectionName", "digest")
    return tuple(str(request.get(key)) for key in keys)


def _create_manifest(received: Received, said: Variables, address: str) -> dict[str, Any]:
    artifact = said["artifactID"]
    return {"createArtifactManifest": _manifest(artifact, address)}


def _update_manifest(received: Received, said: Variables, address: str) -> dict[str, Any]:
    return {"updateArtifactManifest": _manifest(said["artifactManifestID"], address)}


def _manifest(artifact: str, address: str) -> dict[str, Any]:
    url = f"{address}/upload/manifest/{artifact}"
    file = {"id": artifact, "uploadUrl": url, "uploadHeaders": []}
    return {"artifactManifest": {"id": artifact, "file": file}}


def _create_artifact_files(_: Received, said: Variables, address: str) -> dict[str, Any]:
    edges = []
    for spec in said["input"]["artifactFiles"]:
        artifact, name = spec["artifactID"], spec["name"]
        node = {
            "storagePath": name,
            "uploadUrl": f"{address}/upload/artifact/{artifact}/{name}",
            "uploadHeaders": [],
            "uploadMultipartUrls": None,
            "artifact": {"id": artifact},
        }
        edges.append({"node": node})
    return {"createArtifactFiles": {"files": {"edges": edges}}}


def _commit_artifact(received: Received, said: Variables, _: str) -> dict[str, Any]:
    artifact = received.artifacts[said["artifactID"]]
    artifact.is_committed = True
    told = {"id": artifact.id, "digest": artifact.request["digest"]}
    return {"commitArtifact": {"artifact": told}}


def _use_artifact(_: Received, said: Variables, __: str) -> dict[str, Any]:
    return {"useArtifact": {"artifact": {"id": said["input"]["artifactID"]}}}


def _save_view(received: Received, said: Variables, _: str) -> dict[str, Any]:
    received.views.append(said | {"spec": json.loads(said["spec"])})
    view = {"id": f"v{len(received.views)}", "name": said["name"]}
    return {"upsertView": {"view": view, "inserted": True}}


_OPERATIONS: dict[str, Callable[[Received, Variables, str], dict[str, Any]]] = {
    "Viewer": _viewer,
    "GetDefaultEntity": _viewer,
    "ServerFeaturesQuery": _features,
    "XXHashDigestsEnabled": _no_entity,
    "FetchOrgEntityFromEntity": _no_entity,
    "FetchArtifactDigestAlgorithm": _no_project,
    "ArtifactType": _no_project,  # so far no artifact has the name
    "UpsertBucket": _upsert_run,
    "RunResumeStatus": _resume_status,
    "CreateRunFiles": _create_run_files,
    "MarkRunFilesUploaded": _mark_uploaded,
    "CreateArtifact": _create_artifact,
    "CreateArtifactManifest": _create_manifest,
    "UpdateArtifactManifest": _update_manifest,
    "CreateArtifactFiles": _create_artifact_files,
    "CommitArtifact": _commit_artifact,
    "UseArtifact": _use_artifact,
    "UpsertView2": _save_view,
}
