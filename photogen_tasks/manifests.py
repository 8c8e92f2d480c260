"""A stage's output as one thing: files first, manifest.json last. A prefix without a manifest is garbage.

Objects are named by their content, so that writing one again changes nothing; the manifest knows the files' names.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from photogen_tasks import failpoints
from photogen_tasks.errors import TransientError
from photogen_tasks.storage import Storage

NAME = "manifest.json"


class File(BaseModel):
    """One file of a stage's output; `bytes` is its size."""

    name: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path, name: str) -> File:
        return cls(name=name, bytes=path.stat().st_size, sha256=sha256(path))

    def key(self, prefix: str) -> str:
        """Where it lies, below its manifest's prefix."""
        return f"{prefix}{self.sha256}{Path(self.name).suffix}"


class Manifest(BaseModel):
    files: list[File]


@dataclass(frozen=True)
class Kept:
    """An output that lies in storage: its manifest's key and SHA-256, and its files by name."""

    key: str
    sha256: str
    files: dict[str, File]

    def key_of(self, name: str) -> str | None:
        """Where a file lies; None when the output has none of this name."""
        file = self.files.get(name)
        return file.key(self.key.removesuffix(NAME)) if file else None


def keep(storage: Storage, prefix: str, folder: Path) -> Kept:
    """Upload a folder under a prefix, the manifest last.

    Raises:
        TransientError: storage is away, or another run wrote this prefix or erased it.
    """
    files = []
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        file = File.of(path, path.relative_to(folder).as_posix())
        storage.put_file(file.key(prefix), path, mimetypes.guess_type(file.name)[0] or "application/octet-stream")
        files.append(file)
    failpoints.reach("after_data_put")
    data = Manifest(files=files).model_dump_json().encode()
    if not storage.put_if_absent(prefix + NAME, data) and _found(storage, prefix + NAME) != data:
        raise TransientError("prefix_taken", f"Another run wrote {prefix} or erased it.")
    return Kept(prefix + NAME, hashlib.sha256(data).hexdigest(), {file.name: file for file in files})


def _found(storage: Storage, key: str) -> bytes | None:
    """None when it was erased meanwhile."""
    with suppress(KeyError):
        return storage.get_bytes(key)
    return None


def read(storage: Storage, key: str) -> Manifest:
    """Raises TransientError when the manifest is not there."""
    try:
        return Manifest.model_validate(json.loads(storage.get_bytes(key)))
    except KeyError as error:
        raise TransientError("output_missing", f"{key} is not in storage.") from error


def fetch(storage: Storage, key: str, folder: Path) -> None:
    """Download everything a manifest names and check it. Raises TransientError for what is absent or damaged."""
    for file in read(storage, key).files:
        path = folder / file.name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise TransientError("output_damaged", f"{key} names a file outside its folder.")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            storage.get_file(file.key(key.removesuffix(NAME)), path)
        except KeyError as error:
            raise TransientError("output_missing", f"{file.name} of {key} is not in storage.") from error
        if sha256(path) != file.sha256:
            raise TransientError("output_damaged", f"{file.name} of {key} does not match its hash.")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
