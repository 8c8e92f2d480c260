"""A training's checkpoints, kept in the job's storage so that any worker can go on from them.

What the files mean, only training knows; here the newest step file is known by its name, and that it needs the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from photogen_tasks.claims import Claim
from photogen_tasks.storage import Storage, job_prefix

KINDS = {".safetensors", ".json", ".png"}  # of whole files; others are being written
STEP = "step-"  # begins the name of a file that training goes on from
LOOKS = 3

State = tuple[int, int]  # time of the last change, ns, and size


class Checkpoints:
    """A flat folder on the worker and its mirror in storage, keys per fence: a fenced-out run overwrites nobody.

    Each file lies below the fence of the run that wrote it, and is sent once. A step file is sent after all others and
    what is gone here goes there last, so that a run killed in between leaves a whole set.
    """

    def __init__(self, storage: Storage, tenant_id: str, claim: Claim, folder: Path) -> None:
        self._storage = storage
        self._prefix = f"{job_prefix(tenant_id, claim.job_id)}{claim.stage}/checkpoints/"
        self._fence = claim.fence
        self._folder = folder
        self._first = claim.attempt == 1
        self._seen: dict[str, State] = {}
        self._sent: dict[str, tuple[str, State]] = {}  # by name: the key, and the file as it was then

    def restore(self) -> None:
        """Bring the newest checkpoints of this stage into the folder, if an earlier attempt kept some."""
        if self._first:
            return
        for _ in range(LOOKS):
            with suppress(KeyError):  # who was fenced out replaced one just now: look again
                self._fetch(_newest(self._keys()))
                return

    def _fetch(self, keys: dict[str, str]) -> None:
        for name in self._files():
            (self._folder / name).unlink()
        for name, key in keys.items():
            self._storage.get_file(key, self._folder / name)
        self._seen = self._files()
        self._sent = {name: (keys[name], state) for name, state in self._seen.items()}

    def keep(self, *, again: bool = False) -> None:
        """Mirror the folder when it changed since the last look, or `again`: what is new goes, and what is gone.

        Raises TransientError when storage is away; what is missing there goes with the next change.
        """
        files = self._files()
        if not files or (files == self._seen and not again):
            return
        self._seen = files
        keys = sorted(self._keys(), key=_fence_of)
        if any(_fence_of(key) > self._fence for key in keys):
            return  # fenced out: another run goes on from what lies there
        there = {_name_of(key): key for key in keys}
        for name in sorted(files, key=_order):
            there[name] = self._send(name, files[name], there.get(name))
        kept = {there[name] for name in files}
        for key in keys:
            if key not in kept:
                self._storage.delete_prefix(key)

    def _send(self, name: str, state: State, there: str | None) -> str:
        """The key of a file in storage: where it lies already, or where it is sent to now."""
        if there is None or self._sent.get(name) != (there, state):
            there = f"{self._prefix}a{self._fence}/{name}"
            self._storage.put_file(there, self._folder / name, "application/octet-stream")
            self._sent[name] = there, state
        return there

    def drop(self) -> None:
        """The stage is committed: nobody needs its checkpoints."""
        if self._seen or not self._first:
            self._storage.delete_prefix(self._prefix)

    def _keys(self) -> Iterator[str]:
        return (key for key in self._storage.keys(self._prefix) if Path(key).suffix in KINDS)

    def _files(self) -> dict[str, State]:
        """Whole files by name; they are written beside and renamed."""
        found = ((path.name, path.stat()) for path in self._folder.glob("*") if path.suffix in KINDS)
        return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in found}


def _newest(keys: Iterable[str]) -> dict[str, str]:
    """By file name the copy of the newest run, of step files those up to the last of the newest run that has any.

    Older ones are gone on from where its own are broken; later ones come from a run that was fenced out.
    """
    newest = {_name_of(key): key for key in sorted(keys, key=_fence_of)}
    _, last = max(((_fence_of(key), name) for name, key in newest.items() if _is_step(name)), default=(0, ""))
    return {name: key for name, key in newest.items() if not _is_step(name) or name <= last}


def _order(name: str) -> tuple[bool, bool, str]:
    """Step files last, the newest at the very end; before them JSON, which tells of the files beside it."""
    return _is_step(name), name.endswith(".json"), name


def _is_step(name: str) -> bool:
    return name.startswith(STEP)


def _name_of(key: str) -> str:
    return key.rsplit("/", 1)[-1]


def _fence_of(key: str) -> int:
    return int(key.rsplit("/", 2)[-2].removeprefix("a"))
