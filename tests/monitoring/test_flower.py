"""Flower runs for real, finds a job's tasks by its id, and is never open to others."""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from monitoring.flower import OpenToAll, guarded
from photogen_tasks.celery import app
from tests.conftest import await_true, free_port, running

CREDENTIALS = "ops:pass,word"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "photogen.example"])
def test_refuses_others_without_a_password(host: str) -> None:
    with pytest.raises(OpenToAll):
        guarded(host, "")
    assert guarded(host, CREDENTIALS) == [CREDENTIALS]


@pytest.mark.parametrize("wrong", ["ops", "ops:", ":word", "ops:wörd"])
def test_refuses_half_credentials(wrong: str) -> None:
    with pytest.raises(OpenToAll):
        guarded("127.0.0.1", wrong)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_is_open_on_loopback(host: str) -> None:
    assert guarded(host, "") == []


@pytest.mark.usefixtures("sqlite", "broker")
def test_finds_a_jobs_tasks_by_its_id(tmp_path: Path) -> None:
    port = free_port()
    env = os.environ | {"PHOTOGEN_FLOWER_PORT": str(port), "PHOTOGEN_FLOWER_BASIC_AUTH": CREDENTIALS}
    job = "0123456789abcdef0123456789abcdef"
    flower = [sys.executable, "-m", "monitoring.flower"]
    worker = [sys.executable, "-m", "photogen_tasks.cli", "worker", "infer"]
    with running(flower, env, tmp_path / "flower.log"), running(worker, None, tmp_path / "worker.log"):
        await_true(lambda: _get(port, "/api/tasks") is not None, "Flower")

        def found() -> bool:
            # Sent anew each time: Flower knows only what a worker says after both have started.
            with app.connection_for_write() as connection:
                ref = {"job": job, "epoch": 1}
                app.send_task("photogen.matte", (ref,), task_id=f"{job}.matte.1", connection=connection)
            return f"{job}.matte.1" in (_get(port, f"/api/tasks?search={job}") or {})

        await_true(found, "the job's task in Flower")
        assert _get(port, "/api/tasks?search=ffffffffffffffff") == {}
        assert _get(port, "/tasks", credentials="ops:pass") is None


def _get(port: int, path: str, credentials: str = CREDENTIALS) -> dict[str, object] | None:
    """The JSON that Flower answers; None when it refuses or is not there."""
    token = base64.b64encode(credentials.encode()).decode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Basic {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            found: dict[str, object] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except OSError:
        return None
