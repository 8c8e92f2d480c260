"""A process that decodes strangers' photos, each in a child of its own that is thrown away.

`python -m gpu_worker.decoder_server FD`: over the socket FD come a name and three descriptors: the photo, a file for
its pixels, a socket for the answer. See photo_decoder.py, which starts this. What a photo shows is not looked at.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path

from gpu_worker.errors import BadPhotos
from gpu_worker.images import decoded

MEMORY = 1536 * 1024**2  # bytes of address space; 50 Mpx take 650 MB
SECONDS = 20  # of CPU time and, once more, of wall time; 50 Mpx take 5
FILES = 32
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def serve(control: socket.socket) -> None:
    """Fork for every request until the other side goes away."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children: no zombies
    while True:
        name, descriptors, _, _ = socket.recv_fds(control, 4096, 3)
        if not name:
            return
        if os.fork() == 0:
            control.close()
            _answer(name.decode(), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _answer(name: str, photo: int, pixels: int, answer: int) -> None:
    """In the child: decode, answer, end. Whatever it dies of, the answer's socket closes with it."""
    try:
        _confine()
        told = _decode(Path(f"/proc/self/fd/{photo}"), name, pixels)
        socket.socket(fileno=answer).sendall(json.dumps(told).encode())
    finally:
        os._exit(0)


def _decode(path: Path, name: str, pixels: int) -> dict[str, object]:
    try:
        image = decoded(path, name)
    except BadPhotos as refusal:
        return {"code": refusal.code, "sentence": refusal.sentence}
    with open(pixels, "wb") as file:
        image.save(file, "PPM")  # straight from Pillow's rows, without a copy of the whole
    return {"size": image.size}


def _confine() -> None:
    """Little memory, little time, no network where the kernel lets us give it up."""
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)  # nobody may raise what was inherited
        resource.setrlimit(what, (lower, lower))
    signal.alarm(SECONDS)
    ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
