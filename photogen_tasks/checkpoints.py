"""A training's checkpoint, kept in the job's storage so that any worker can go on from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from photogen_tasks.claims import Claim
from photogen_tasks.storage import Storage, job_prefix

SUFFIX = ".safetensors"
LOOKS = 3


class Checkpoints:
    """One folder on the worker and its copies in storage, a key per fence: a fenced-out run overwrites nobody."""

    def __init__(self, storage: Storage, tenant_id: str, claim: Claim, folder: Path) -> None:
        self._storage = storage
        self._prefix = f"{job_prefix(tenant_id, claim.job_id)}{claim.stage}/checkpoints/"
        self._fence = claim.fence
        self._folder = folder
        self._first = claim.attempt == 1
        self._kept: tuple[str, int] | None = None

    def restore(self) -> None:
        """Bring the newest checkpoint of this stage into the folder, if an earlier attempt kept one."""
        if self._first:
            return
        for _ in range(LOOKS):
            keys = sorted(self._keys(), key=_fence_of)
            if not keys:
                return
            with suppress(KeyError):  # who was fenced out replaced it just now: look again
                self._storage.get_file(keys[-1], self._folder / keys[-1].rsplit("/", 1)[-1])
                self._kept = self._state()
                return

    def keep(self) -> None:
        """Upload the folder's checkpoint when it changed since the last look; older ones go.

        Raises TransientError when storage is away; the next one is tried again, this one is not.
        """
        state = self._state()
        if state is None or state == self._kept:
            return
        self._kept = state
        name, _ = state
        key = f"{self._prefix}a{self._fence}/{name}"
        self._storage.put_file(key, self._folder / name, "application/octet-stream")
        for old in list(self._keys()):
            if old != key and _fence_of(old) <= self._fence:
                self._storage.delete_prefix(old)

    def drop(self) -> None:
        """The stage is committed: nobody needs its checkpoints."""
        if self._kept or not self._first:
            self._storage.delete_prefix(self._prefix)

    def _keys(self) -> Iterator[str]:
        return (key for key in self._storage.keys(self._prefix) if key.endswith(SUFFIX))

    def _state(self) -> tuple[str, int] | None:
        """Name and time of the newest file that is whole; files are written beside and renamed."""
        files = [(path.stat().st_mtime_ns, path.name) for path in self._folder.glob(f"*{SUFFIX}")]
        if not files:
            return None
        changed, name = max(files)
        return name, changed


def _fence_of(key: str) -> int:
    return int(key.rsplit("/", 2)[-2].removeprefix("a"))
