"""One photo judged before any job exists: send the task, wait for the row. What is judged is gpu_worker's business."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select, update

from photogen_tasks import broker, photos
from photogen_tasks.celery import app
from photogen_tasks.config import settings
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import NotFound, TransientError
from photogen_tasks.models import Photo, db_now
from photogen_tasks.queues import INSPECT
from photogen_tasks.storage import storage

log = structlog.get_logger()
WAIT_SECONDS = 5.0  # a verdict takes less than one; longer, and the caller comes back
LOOK_SECONDS = 0.05
MOST_WAITING = 16  # calls of one process; others are told to come back, for each one holds a thread of the API's
AGAIN_SECONDS = 15.0  # whoever asks again sooner waits for the first message

_waiting = threading.BoundedSemaphore(MOST_WAITING)

Judge = Callable[[Path], dict[str, Any]]


NOT_JUDGED: dict[str, Any] = {
    "verdict": "refused",
    "findings": [
        {
            "code": "not_judged",
            "hard": True,
            "sentence": "Something went wrong on our side while we looked at this photo.",
            "advice": "Save it as JPEG and send it again, or send another.",
        }
    ],
}


def inspect(tenant_id: str, photo_ids: Sequence[str], wait: float | None = None) -> list[Photo]:
    """The tenant's photos, in the order asked, with the verdicts that came within `wait` (WAIT_SECONDS) seconds.

    Raises:
        NotFound: a photo is unknown.
        UsageError: a photo was announced and never uploaded.
        TransientError: storage or the broker cannot be reached.
    """
    found = _photos(tenant_id, photo_ids)
    photos.mark_uploaded(tenant_id, photo_ids)
    for photo in found:
        if photo.verdict is None and _mark_sent(photo.id):
            _send(photo.id)
    if not _waiting.acquire(blocking=False):
        return found
    try:
        return _await(tenant_id, photo_ids, time.monotonic() + (WAIT_SECONDS if wait is None else wait))
    finally:
        _waiting.release()


def _await(tenant_id: str, photo_ids: Sequence[str], until: float) -> list[Photo]:
    """The verdict comes from another process, by way of the row."""
    while True:
        found = _photos(tenant_id, photo_ids)
        if all(photo.verdict for photo in found) or time.monotonic() > until:
            return found
        time.sleep(LOOK_SECONDS)


def judge(photo_id: str, judged: Judge) -> bool:
    """Fetch the photo, judge it and keep the verdict; False when there was nothing to do. Repeating is harmless."""
    with read_scope() as session:
        photo = session.get(Photo, photo_id)
    if photo is None or photo.verdict is not None or photo.uploaded_at is None:
        return False
    with tempfile.TemporaryDirectory(prefix="photogen-inspect-", dir=_scratch()) as folder:
        path = Path(folder) / "photo"
        try:
            storage().get_file(photo.key, path)
        except KeyError:
            return False  # deleted meanwhile
        verdict = _verdict(photo_id, path, judged)
    with session_scope() as session:
        session.execute(update(Photo).where(Photo.id == photo_id, Photo.verdict.is_(None)).values(verdict=verdict))
    log.info("photo inspected", photo=photo_id, verdict=verdict["verdict"])
    return True


def _verdict(photo_id: str, path: Path, judged: Judge) -> dict[str, Any]:
    """Whatever goes wrong, the customer hears something: without a verdict they would ask for ever."""
    try:
        return judged(path)
    except Exception as error:  # the edge: a message is judged once, and never comes back
        log.error("photo not judged", photo=photo_id, error=f"{type(error).__name__}: {error}")
        return NOT_JUDGED


def _scratch() -> Path | None:
    folder = settings().work_dir
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _photos(tenant_id: str, photo_ids: Sequence[str]) -> list[Photo]:
    with read_scope() as session:
        rows = session.scalars(select(Photo).where(Photo.id.in_(photo_ids), Photo.tenant_id == tenant_id)).all()
    by_id = {row.id: row for row in rows}
    for photo_id in photo_ids:
        if photo_id not in by_id:
            raise NotFound("photo", photo_id)
    return [by_id[photo_id] for photo_id in photo_ids]


def _mark_sent(photo_id: str) -> bool:
    """False when a message is on its way already."""
    overdue = Photo.inspect_sent_at.is_(None) | (Photo.inspect_sent_at < db_now() - AGAIN_SECONDS)
    with session_scope() as session:
        marked = update(Photo).where(Photo.id == photo_id, overdue).values(inspect_sent_at=db_now())
        return session.execute(marked.returning(Photo.id)).first() is not None


def _mark_unsent(photo_id: str) -> None:
    with session_scope() as session:
        session.execute(update(Photo).where(Photo.id == photo_id).values(inspect_sent_at=None))


def _send(photo_id: str) -> None:
    try:
        broker.ask(lambda link: app.send_task(INSPECT, args=(photo_id,), connection=link, retry=False))
    except broker.BrokerAway as away:
        _mark_unsent(photo_id)
        raise TransientError("broker_unavailable", "Photos cannot be judged just now.") from away
