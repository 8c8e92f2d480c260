"""What all customers share, such as class images: made once, kept in storage, never made by two workers at a time.

Who makes it claims a row on the database's clock, as a stage is claimed. Nothing of one person may lie here, and what
the content is, is not known here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from photogen_tasks import erase, manifests
from photogen_tasks.config import settings
from photogen_tasks.content_cache import ContentCache
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import TransientError
from photogen_tasks.models import SharedContent, db_now, new_id
from photogen_tasks.storage import Storage, shared_prefix, storage
from photogen_tasks.upkeep import INSERT

log = structlog.get_logger()
MAKING, READY = "making", "ready"
WAIT_SECONDS = 1.0  # between two looks at another's work
BEATS = 4  # renewals within a lease
LEAVE_SECONDS = 5.0  # that we wait for the last renewal
LOOKS = 2  # a file that comes damaged twice lies there damaged
GIB = 2**30
DAY = 86400.0  # seconds; how exactly the last use is written down
UNUSED_SECONDS = 90 * DAY

Make = Callable[[Path], None]


class StoredContent:
    """gpu_worker's SharedContent on storage and database, with a cache on this worker's disk.

    What `once` returned stays there until this is closed.
    """

    def __init__(self, objects: Storage, cache: Path) -> None:
        self._objects = objects
        self._cache = ContentCache(cache, settings().cache_size * GIB)
        self._failing_since: float | None = None  # across calls: many files are waited for once

    def once(self, name: str, make: Make, on_wait: Callable[[], None]) -> Path:
        """See gpu_worker.stage.SharedContent: `name` is a hash and a suffix.

        Where storage or database are away for longer than a lease, this worker makes its own copy and goes on with
        it: no job fails for what is only saved work. The next call with this name offers it to the others.
        """
        content = _Content(self._objects, self._cache, name)
        while True:
            try:
                path = _shared(content, make)
                self._failing_since = None
                if path:
                    return path
            except (TransientError, SQLAlchemyError) as error:
                self._failing_since = self._failing_since or time.monotonic()
                if time.monotonic() - self._failing_since > settings().lease_seconds:
                    log.warning("cannot share now; this worker makes its own", content=name, error=str(error))
                    return content.kept() or content.made(make)
            on_wait()
            time.sleep(WAIT_SECONDS)

    def close(self) -> None:
        """The run is over."""
        self._cache.close()


class _Content:
    """One file, here and in storage: both are named by the SHA-256 of their bytes, so that nothing is overwritten."""

    def __init__(self, objects: Storage, cache: ContentCache, name: str) -> None:
        self.hash, _, ending = name.partition(".")
        self._suffix = f".{ending}"
        self._objects = objects
        self._folder = cache.hold(self.hash)

    def kept(self) -> Path | None:
        """A whole copy on this disk, whoever made it."""
        return next((path for path in sorted(self._folder.glob(f"*{self._suffix}")) if _is_whole(path)), None)

    def made(self, make: Make) -> Path:
        with self._beside() as partial:
            make(partial)
            return partial.replace(self._folder / f"{manifests.sha256(partial)}{self._suffix}")

    def fetched(self, sha256: str) -> Path | None:
        """The copy with these bytes, from this disk or from storage; None when it is absent or damaged there."""
        path = self._folder / f"{sha256}{self._suffix}"
        if path.is_file() and _is_whole(path):
            return path
        for _ in range(LOOKS):
            with suppress(KeyError), self._beside() as partial:
                self._objects.get_file(shared_prefix(self.hash) + path.name, partial)
                if manifests.sha256(partial) == sha256:
                    return partial.replace(path)
        log.error("shared content is absent or damaged in storage; it is made again", content=self.hash)
        return None

    def upload(self, path: Path) -> None:
        self._objects.put_file(shared_prefix(self.hash) + path.name, path, "application/octet-stream")

    @contextmanager
    def _beside(self) -> Iterator[Path]:
        partial = self._folder / f"{new_id()}.partial"
        try:
            yield partial
        finally:
            partial.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    return manifests.sha256(path) == path.name.partition(".")[0]


def _shared(content: _Content, make: Make) -> Path | None:
    """The content, fetched or made; None while another is at work."""
    row = SharedContent
    with read_scope() as session:
        query = select(row.state, row.sha256, (row.last_used_at < db_now() - DAY).label("long_ago"))
        found = session.execute(query.where(row.hash == content.hash)).first()
    damaged = None
    if found and found.state == READY:
        path = content.fetched(found.sha256)
        if path:
            if found.long_ago:
                _change(row.hash == content.hash, last_used_at=db_now())
            return path
        damaged = found.sha256
    return _made(content, make, damaged)


def _made(content: _Content, make: Make, damaged: str | None) -> Path | None:
    holder = f"{settings().worker_name}/{new_id()}"
    if not _claim(content.hash, holder, damaged):
        return None
    with _held(content.hash, holder):
        path = content.kept() or content.made(make)
        content.upload(path)
        kept = {"sha256": path.name.partition(".")[0], "bytes": path.stat().st_size, "made_at": db_now()}
        if not _change(_mine(content.hash, holder), state=READY, lease_until=None, last_used_at=db_now(), **kept):
            log.warning("another took over meanwhile; this copy serves this job alone", content=content.hash)
    return path


def _claim(name: str, holder: str, damaged: str | None) -> bool:
    """In one statement: what nobody makes, whose maker fell silent, or what lies there `damaged`."""
    row = SharedContent
    free = (row.state == MAKING) & (row.lease_until <= db_now())
    if damaged:
        free |= (row.state == READY) & (row.sha256 == damaged)
    taken = {"state": MAKING, "holder": holder, "last_used_at": db_now()}
    taken["lease_until"] = db_now() + settings().lease_seconds
    with session_scope() as session:
        insert = INSERT[session.get_bind().dialect.name](row).values(hash=name, **taken)
        claim = insert.on_conflict_do_update(index_elements=[row.hash], set_=taken, where=free)
        return session.execute(claim.returning(row.hash)).first() is not None


def _mine(name: str, holder: str) -> ColumnElement[bool]:
    row = SharedContent
    return (row.hash == name) & (row.holder == holder) & (row.state == MAKING)


def _change(which: ColumnElement[bool], **values: object) -> bool:
    with session_scope() as session:
        changed = update(SharedContent).where(which).values(**values).returning(SharedContent.hash)
        return session.execute(changed).first() is not None


@contextmanager
def _held(name: str, holder: str) -> Iterator[None]:
    """Renew the lease while the content is made; give it back at the end, however that comes."""
    done = threading.Event()
    thread = threading.Thread(target=_renew, args=(name, holder, done), name="shared-content", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(LEAVE_SECONDS)
        with suppress(SQLAlchemyError):  # it ends by itself
            _change(_mine(name, holder), lease_until=db_now())


def _renew(name: str, holder: str, done: threading.Event) -> None:
    while not done.wait(settings().lease_seconds / BEATS):
        try:
            _change(_mine(name, holder), lease_until=db_now() + settings().lease_seconds)
        except SQLAlchemyError as error:
            log.warning("lease on shared content not renewed; it runs on", content=name, error=str(error))


def forget_unused() -> int:
    """Erase what nobody used for 90 days; how many. Whoever wants it again makes it again."""
    unused = SharedContent.last_used_at < db_now() - UNUSED_SECONDS
    with read_scope() as session:
        hashes = session.scalars(select(SharedContent.hash).where(unused)).all()

    def act(name: str) -> int:
        storage().delete_prefix(shared_prefix(name))
        with session_scope() as session:
            session.execute(delete(SharedContent).where(SharedContent.hash == name, unused))
        return 1

    return erase.each(hashes, act)
