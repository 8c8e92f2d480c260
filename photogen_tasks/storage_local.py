"""Storage in a local folder, for one machine. Links to it are signed and served by the API."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlencode

from photogen_tasks.config import settings
from photogen_tasks.errors import TransientError
from photogen_tasks.storage import PresignedPost


class LocalStorage:
    """Objects are files below `root`; writes go beside and are renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """The file of a key. Raises KeyError for a key that points outside."""
        if not key or key.startswith("/") or ".." in key.split("/"):
            raise KeyError(key)
        return self.root / key

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        target = self._beside(key)
        shutil.copyfile(path, target)
        target.replace(self.path(key))

    def put_if_absent(self, key: str, data: bytes) -> bool:
        target = self._beside(key)
        target.write_bytes(data)
        try:
            os.link(target, self.path(key))
        except FileExistsError:
            return False
        finally:
            target.unlink()
        return True

    def get_file(self, key: str, path: Path) -> None:
        try:
            shutil.copyfile(self.path(key), path)
        except FileNotFoundError as error:
            raise KeyError(key) from error

    def get_bytes(self, key: str) -> bytes:
        try:
            return self.path(key).read_bytes()
        except FileNotFoundError as error:
            raise KeyError(key) from error

    def size(self, key: str) -> int | None:
        with suppress(FileNotFoundError):
            return self.path(key).stat().st_size
        return None

    def keys(self, prefix: str) -> Iterator[str]:
        # Not Path.rglob, which fails when a folder vanishes under it.
        tree = os.walk(self.path(prefix))
        for path in sorted(Path(folder, name) for folder, _, names in tree for name in names):
            yield path.relative_to(self.root).as_posix()

    def delete_prefix(self, prefix: str) -> int:
        path = self.path(prefix)
        try:
            if path.is_file():
                path.unlink(missing_ok=True)
                return 1
            found = sum(1 for _ in self.keys(prefix))
            shutil.rmtree(path, ignore_errors=True)  # others may delete here too; what counts is what is left
            left = path.exists() or path.is_symlink()
        except OSError as error:
            raise TransientError("storage_unavailable", f"{prefix} cannot be deleted: {error}.") from error
        if left:
            raise TransientError("storage_unavailable", f"Not all of {prefix} could be deleted.")
        return found

    def abort_uploads(self, prefix: str) -> int:
        return 0  # what a killed upload left is a file among the keys

    def presign_get(self, key: str, filename: str) -> str:
        return _signed("GET", key, filename)

    def presign_post(self, key: str) -> PresignedPost:
        return PresignedPost(url=_signed("POST", key, ""), fields={})

    def check(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)

    def _beside(self, key: str) -> Path:
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _signed(verb: str, key: str, filename: str) -> str:
    expires = int(time.time()) + settings().presign_seconds
    query = {"expires": expires, "filename": filename, "signature": sign(verb, key, filename, expires)}
    return f"{settings().public_url}/v1/files/{quote(key)}?{urlencode(query)}"


def sign(verb: str, key: str, filename: str, expires: int) -> str:
    """HMAC-SHA256 over verb, key, file name and expiry, in hexadecimal."""
    message = "\n".join((verb, key, filename, str(expires))).encode()
    return hmac.new(_secret(), message, hashlib.sha256).hexdigest()


def verify(verb: str, key: str, filename: str, expires: int, signature: str) -> bool:
    """Whether a link is ours and still lives."""
    right = hmac.compare_digest(sign(verb, key, filename, expires).encode(), signature.encode())
    return right and time.time() <= expires


@lru_cache(maxsize=1)
def _secret() -> bytes:
    configured = settings().secret.get_secret_value()
    return configured.encode() if configured else _kept_secret(settings().data_dir / "secret")


def _kept_secret(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fresh.touch(0o600)
    fresh.write_text(secrets.token_hex(32))
    with suppress(FileExistsError):
        os.link(fresh, path)  # of several processes the first one's secret stays, and is never seen half
    fresh.unlink()
    return path.read_bytes()
