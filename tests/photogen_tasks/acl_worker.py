"""An app with the product's settings and tasks that take as long as a test wants, for Redis's user to be tried with."""

from __future__ import annotations

import time
from pathlib import Path

from celery import Celery

from photogen_tasks.celery import app as ours
from photogen_tasks.config import settings

# What names the product's own tasks; all else is taken over.
OWN = {"include", "broker_url", "deprecated_settings", "task_routes", "task_annotations", "beat_schedule"}
HELD_SECONDS = 60.0

app = Celery("acl", broker=settings().broker_url.get_secret_value(), include=["tests.photogen_tasks.acl_worker"])
app.conf.update({name: ours.conf[name] for name in ours.conf.table() if name not in OWN})


@app.task(name="acl.mark")  # type: ignore[untyped-decorator]  # Celery ships no types
def mark(folder: str, name: str) -> str:
    """Leave a file behind, and the folder to the next of the chain."""
    (Path(folder) / name).touch()
    return folder


@app.task(name="acl.hold")  # type: ignore[untyped-decorator]  # Celery ships no types
def hold(folder: str) -> None:
    """Say that it began, then end at once when it is told to, or after HELD_SECONDS."""
    where = Path(folder)
    with (where / "began").open("a") as file:
        file.write("x")
    until = time.monotonic() + HELD_SECONDS
    while not (where / "go-on").exists() and time.monotonic() < until:
        time.sleep(0.05)
    (where / "ended").touch()
