"""Reads and judges photos in throw-away processes, under limits, and says what came of each.

Run as a program: a path per line in (JSON), an outcome per line out (JSON). Nothing is judged here.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import cv2
import pillow_heif  # noqa: F401  # loaded once, before the processes part
from PIL import Image

from gpu_worker.errors import BadPhotos
from gpu_worker.gate.photo import PhotoLimits, judge_photo
from gpu_worker.images import read_photo
from tests.gpu_worker.hostile.portraits import portrait

SECONDS = 10  # on the wall for each of reading and judging, of the processor for both; limits that kill
ATTEMPTS = 4  # a machine may be too busy for the wall's limit; what hangs hangs every time
SIDE = 32


def main() -> None:
    Image.init()
    cv2.setNumThreads(1)  # others would not live on in the processes that part from here
    _warm_up()
    for line in sys.stdin:
        print(json.dumps(_tried(Path(json.loads(line)))), flush=True)


def look(photo: Image.Image) -> Image.Image:
    """The photo as SIDE x SIDE mean colours."""
    return photo.resize((SIDE, SIDE), Image.Resampling.BOX)


def _warm_up() -> None:
    """Load the networks and start the decoder once for all, and outside of the limits."""
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        portrait().save(file)
        file.flush()
        assert judge_photo(Path(file.name), 3, PhotoLimits())[0].faces


def _tried(path: Path) -> dict[str, Any]:
    """What came of reading and judging; `signal` is what killed, `peak` the most memory in bytes, `cpu` in seconds."""
    for _ in range(ATTEMPTS):
        outcome = _attempt(path)
        if outcome["signal"] != signal.SIGALRM:
            break
    return outcome


def _attempt(path: Path) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        with os.fdopen(writer, "w") as out:
            json.dump(_looked_at(path), out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        told = answer.read()
    _, status, usage = os.wait4(child, 0)
    outcome = json.loads(told) if told else {"code": "nothing came back"}
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    cpu = usage.ru_utime + usage.ru_stime
    return outcome | {"signal": killed, "peak": usage.ru_maxrss * 1024, "cpu": cpu}


def _looked_at(path: Path) -> dict[str, Any]:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        signal.alarm(SECONDS)
        outcome = _read(path)
        signal.alarm(SECONDS)
        outcome |= _judged(path)
    return outcome | {"warnings": [str(warning.message) for warning in warned[:5]]}


def _read(path: Path) -> dict[str, Any]:
    try:
        photo = read_photo(path, "photo 3")
    except BadPhotos as refusal:
        return {"code": refusal.code, "sentence": refusal.sentence}
    except BaseException as error:
        return {"code": f"raised {error!r}"}
    told = {"code": "ok", "mode": photo.mode, "size": photo.size, "look": look(photo).tobytes().hex()}
    return told | {"metadata": _metadata(photo)}


def _judged(path: Path) -> dict[str, Any]:
    """The findings' codes; of the photo nothing comes beside them but pixels."""
    try:
        verdict, photo = judge_photo(path, 3, PhotoLimits())
        json.dumps(verdict.told(), allow_nan=False)
    except BaseException as error:
        return {"found": [f"raised {error!r}"]}
    assert photo is None or photo.dtype == "uint8"
    return {"found": [found.code for found in verdict.findings]}


def _metadata(photo: Image.Image) -> list[str]:
    return sorted(map(str, [*photo.info, *photo.getexif()]))


if __name__ == "__main__":
    main()
