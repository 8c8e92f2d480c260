"""Reads photos in throw-away processes, under limits, and says what came of each.

Run as a program: a path per line in (JSON), an outcome per line out (JSON). Nothing is judged here.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import pillow_heif  # noqa: F401  # loaded once, before the processes part
from PIL import Image

from gpu_worker.errors import BadPhotos
from gpu_worker.images import read_photo

CPU_SECONDS = 10  # a limit that kills; the processor's time, so that a busy machine does not matter
HANG_SECONDS = 300
SIDE = 32


def main() -> None:
    Image.init()
    for line in sys.stdin:
        print(json.dumps(_tried(Path(json.loads(line)))), flush=True)


def look(photo: Image.Image) -> Image.Image:
    """The photo as SIDE x SIDE mean colours."""
    return photo.resize((SIDE, SIDE), Image.Resampling.BOX)


def _tried(path: Path) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        signal.alarm(HANG_SECONDS)
        with os.fdopen(writer, "w") as out:
            json.dump(_read(path), out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        told = answer.read()
    _, status, usage = os.wait4(child, 0)
    outcome = json.loads(told) if told else {"code": "nothing came back"}
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    cpu = usage.ru_utime + usage.ru_stime
    return outcome | {"signal": killed, "peak": usage.ru_maxrss * 1024, "cpu": cpu}


def _read(path: Path) -> dict[str, Any]:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            photo = read_photo(path, "photo 3")
        except BadPhotos as refusal:
            outcome: dict[str, Any] = {"code": refusal.code, "sentence": refusal.sentence}
        except BaseException as error:
            outcome = {"code": f"raised {error!r}"}
        else:
            outcome = {"code": "ok", "mode": photo.mode, "size": photo.size, "look": look(photo).tobytes().hex()}
            outcome["metadata"] = sorted(map(str, [*photo.info, *photo.getexif()]))
    return outcome | {"warnings": [str(warning.message) for warning in warned[:5]]}


if __name__ == "__main__":
    main()
