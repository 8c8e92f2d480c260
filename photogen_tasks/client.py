"""The HTTP client that the CLI and the demo use. Speaks to the API only; knows no row, no queue, no file of ours."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from photogen_tasks.errors import PhotogenError, TransientError, UsageError
from photogen_tasks.stages import TERMINAL

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.5  # progress is written once a second
AWAY_SECONDS = 60.0  # an API that restarts is waited for


class Client:
    """One tenant's view of one Photogen. Raises UsageError for what the API refuses, with its sentence."""

    def __init__(self, url: str, key: str, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=WAIT_SECONDS, transport=transport)
        # Without our key: a link carries its own permission, and storage is somebody else's host.
        self._links = httpx.Client(timeout=WAIT_SECONDS)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        self._links.close()

    def upload(self, files: Sequence[Path]) -> list[str]:
        """Send photos; their ids, in order."""
        wanted = {"files": [{"filename": file.name} for file in files]}
        uploads: list[dict[str, Any]] = self._json("POST", "/v1/uploads", json=wanted)["uploads"]
        for upload, file in zip(uploads, files, strict=True):
            self._post_file(upload["url"], upload["fields"], file)
        return [upload["photo"] for upload in uploads]

    def _post_file(self, url: str, fields: dict[str, str], file: Path) -> None:
        with file.open("rb") as data:
            answer = self._links.post(url, data=fields, files={"file": (file.name, data)})
        _checked(answer)

    def inspect(self, photo_ids: Sequence[str]) -> list[dict[str, Any]]:
        """What the gate says of uploaded photos; asks again until every verdict is there."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            found: list[dict[str, Any]] = self._json("POST", "/v1/photos/inspect", json={"photos": list(photo_ids)})[
                "photos"
            ]
            if all(photo["verdict"] for photo in found):
                return found
            if time.monotonic() > until:
                raise TransientError("not_inspected", "Nobody judges photos just now: is an inspect worker running?")

    def photos(self, job_id: str) -> dict[str, Any]:
        """What the gate says of the job's photos, one by one and together."""
        return self._json("GET", f"/v1/jobs/{job_id}/photos")

    def submit(self, **body: Any) -> dict[str, Any]:
        """Submit a job; see POST /v1/jobs."""
        key = body.pop("idempotency_key", None)
        return self._json("POST", "/v1/jobs", json=body, headers={"Idempotency-Key": key} if key else {})

    def styles(self) -> list[dict[str, Any]]:
        """What can be drawn without writing prompts."""
        found: list[dict[str, Any]] = self._json("GET", "/v1/styles")["styles"]
        return found

    def style(self, name: str) -> dict[str, Any]:
        """One style with its prompts."""
        return self._json("GET", f"/v1/styles/{name}")

    def job(self, job_id: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/jobs/{job_id}")

    def jobs(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json("GET", "/v1/jobs", params=query)["jobs"]
        return found

    def images(self, job_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json("GET", f"/v1/jobs/{job_id}/images")["images"]
        return found

    def download(self, job_id: str, folder: Path) -> list[Path]:
        """Save the job's images into a folder; their paths, in order."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for number, image in enumerate(self.images(job_id)):
            path = folder / f"{number:03d}.png"
            path.write_bytes(_checked(self._links.get(image["url"])).content)
            paths.append(path)
        return paths

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self._json("POST", f"/v1/jobs/{job_id}/cancel")

    def delete(self, job_id: str) -> None:
        self._request("DELETE", f"/v1/jobs/{job_id}")

    def watch(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The job each time it changed, until it is over. An API that restarts meanwhile is waited for."""
        last: dict[str, Any] = {}
        seen = time.monotonic()
        while last.get("status") not in TERMINAL:
            try:
                job = self.job(job_id)
            except (httpx.TransportError, TransientError):
                if time.monotonic() - seen > AWAY_SECONDS:
                    raise
                time.sleep(POLL_SECONDS)
                continue
            seen = time.monotonic()
            if job != last:
                last = job
                yield job
            if last["status"] not in TERMINAL:
                time.sleep(POLL_SECONDS)

    def _json(self, verb: str, path: str, **options: Any) -> dict[str, Any]:
        body: dict[str, Any] = self._request(verb, path, **options).json()
        return body

    def _request(self, verb: str, path: str, **options: Any) -> httpx.Response:
        return _checked(self._http.request(verb, path, **options))


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    problem = _problem(answer)
    code, sentence = (
        problem.get("code", f"http_{answer.status_code}"),
        problem.get("detail", answer.reason_phrase),
    )
    error: PhotogenError
    if answer.status_code >= 500:
        error = TransientError(code, f"The API cannot answer now: {sentence}")
    else:
        error = UsageError(code, sentence, answer.status_code)
    raise error


def _problem(answer: httpx.Response) -> dict[str, Any]:
    if "json" not in answer.headers.get("content-type", ""):
        return {}
    body = answer.json()
    return body if isinstance(body, dict) else {}
