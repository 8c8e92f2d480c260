"""Where a job's files live: one interface, a local folder or S3. Rows and queues never enter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel

from photogen_tasks.config import settings


class PresignedPost(BaseModel):
    """Where and how a browser sends one photo: a form POST with these fields and a part named `file`."""

    url: str
    fields: dict[str, str]


class Storage(Protocol):
    """Keys are relative, `/`-separated, made by us, never by a customer's file name."""

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Upload one file; the object appears whole or not at all."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write once; False when the key exists already."""

    def get_file(self, key: str, path: Path) -> None:
        """Download one object. Raises KeyError when it is not there."""

    def get_bytes(self, key: str) -> bytes:
        """The object's bytes. Raises KeyError when it is not there."""

    def size(self, key: str) -> int | None:
        """Bytes of the object, or None when it is not there."""

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a prefix."""

    def delete_prefix(self, prefix: str) -> int:
        """Delete all below a prefix, uploads that never ended too; how many there were.

        Raises TransientError when something could not be deleted.
        """

    def abort_uploads(self, prefix: str) -> int:
        """Give up uploads below a prefix that were begun and never ended, as far as storage tells; how many."""

    def presign_get(self, key: str, filename: str) -> str:
        """A short-lived link to one object."""

    def presign_post(self, key: str) -> PresignedPost:
        """A short-lived permission to upload one object of at most `max_upload_bytes`."""

    def check(self) -> None:
        """Raise when the storage cannot be reached."""


def open_storage(url: str) -> Storage:
    """`file:///folder` or `s3://bucket/prefix`. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        from photogen_tasks.storage_local import LocalStorage

        return LocalStorage(Path(parts.path))
    if parts.scheme == "s3":
        from photogen_tasks.storage_s3 import S3Storage

        return S3Storage(parts.netloc, parts.path.strip("/"))
    raise ValueError(f"storage_url must start with file:// or s3://, not {parts.scheme}://")


@lru_cache(maxsize=1)
def storage() -> Storage:
    """The process's storage."""
    return open_storage(settings().storage_url)


def answers() -> bool:
    """Whether the process's storage can be reached just now."""
    try:
        storage().check()
    except Exception:  # whatever it is: nothing can be read or written
        return False
    return True


def job_prefix(tenant_id: str, job_id: str) -> str:
    return f"tenants/{tenant_id}/jobs/{job_id}/"


def stage_prefix(tenant_id: str, job_id: str, stage: str, fence: int) -> str:
    return f"{job_prefix(tenant_id, job_id)}{stage}/a{fence}/"


def subject_prefix(tenant_id: str, subject_id: str) -> str:
    return f"tenants/{tenant_id}/subjects/{subject_id}/"


def shared_prefix(hash_: str) -> str:
    return f"shared/{hash_}/"


def photo_key(tenant_id: str, photo_id: str) -> str:
    return f"tenants/{tenant_id}/photos/{photo_id}"
