"""Strangers' photos, decoded in another process: what a broken decoder does there, it does to nobody else.

What decoding means stands in images.py, the limits in decoder_server.py.
"""

import atexit
import json
import mmap
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from gpu_worker.decoder_server import SECONDS
from gpu_worker.errors import BadPhotos


def decode_photo(path: Path, name: str) -> np.ndarray:
    """images.read_photo() in a child with limits of its own: upright sRGB, uint8 (H, W, 3), read-only.

    Raises BadPhotos, also where the decoder died of the photo.
    """
    memory = os.memfd_create("pixels")
    try:
        with path.open("rb") as photo, _ask(name, photo.fileno(), memory) as answer:
            told = _told(answer)
        if "size" in told:
            return _pixels(memory, *told["size"])
    finally:
        os.close(memory)
    if told:
        raise BadPhotos(told["code"], told["sentence"])
    raise BadPhotos("unreadable_photo", f"{name.capitalize()} cannot be decoded: it asks for too much time or memory.")


_lock = threading.Lock()  # one server for all threads of a process
_control: socket.socket | None = None
_process: subprocess.Popen[bytes] | None = None


def _ask(name: str, photo: int, memory: int) -> socket.socket:
    """Hand the photo over; the answer comes on the socket returned. A server that died is started again."""
    answer, theirs = socket.socketpair()
    with theirs, _lock:
        descriptors = [photo, memory, theirs.fileno()]
        try:
            socket.send_fds(_server(), [name.encode()], descriptors)
        except OSError:
            _forget()
            socket.send_fds(_server(), [name.encode()], descriptors)
    return answer


def _server() -> socket.socket:
    global _control, _process
    if _control is None:
        _control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "gpu_worker.decoder_server", str(theirs.fileno())]
            _process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL)
    return _control


@atexit.register
def _forget() -> None:
    """The server ends when its socket does."""
    global _control, _process
    if _control is not None and _process is not None:
        _control.close()
        _process.wait()
    _control = _process = None


def _told(answer: socket.socket) -> dict[str, Any]:
    """What the child said; nothing when it died first."""
    answer.settimeout(SECONDS + 10)  # it ends itself sooner; the server may have to start
    try:
        said = answer.recv(4096)
    except OSError:
        return {}
    return dict(json.loads(said)) if said else {}


def _pixels(memory: int, width: int, height: int) -> np.ndarray:
    """The file's last bytes are the pixels; what comes before is PPM's header."""
    length = 3 * width * height
    mapped = mmap.mmap(memory, 0, prot=mmap.PROT_READ)
    return np.frombuffer(mapped, np.uint8, length, len(mapped) - length).reshape(height, width, 3)
