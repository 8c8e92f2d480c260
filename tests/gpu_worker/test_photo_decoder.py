"""Photos are decoded in a process that is thrown away; what it dies of is the photo's fault and nobody else's."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker import photo_decoder
from gpu_worker.errors import BadPhotos
from gpu_worker.images import read_photo
from gpu_worker.photo_decoder import decode_photo


@pytest.fixture
def photo(tmp_path: Path, grace_hopper: Image.Image) -> Path:
    grace_hopper.save(tmp_path / "hopper.jpg")
    return tmp_path / "hopper.jpg"


def test_pixels_are_those_of_the_decoder_here(photo: Path) -> None:
    there = decode_photo(photo, "photo 1")
    assert np.array_equal(there, np.asarray(read_photo(photo, "photo 1")))


def test_a_refusal_is_told_word_by_word(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(BadPhotos, match="Photo 3 is not a whole JPEG") as refusal:
        decode_photo(tmp_path / "text.jpg", "photo 3")
    assert refusal.value.code == "unreadable_photo"


def test_who_asks_for_too_much_memory_dies_alone(photo: Path) -> None:
    with pytest.raises(BadPhotos, match="too much time or memory"):
        decode_photo(Path("/dev/zero"), "photo 2")
    assert decode_photo(photo, "photo 1").shape == (600, 512, 3)


def test_a_decoder_that_was_killed_is_started_again(photo: Path) -> None:
    decode_photo(photo, "photo 1")
    process = photo_decoder._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert decode_photo(photo, "photo 1").shape == (600, 512, 3)


def test_threads_share_it(photo: Path, tmp_path: Path, astronaut: Image.Image) -> None:
    astronaut.save(tmp_path / "astronaut.png")
    with ThreadPoolExecutor(8) as pool:
        shapes = list(
            pool.map(lambda n: decode_photo((photo, tmp_path / "astronaut.png")[n % 2], "x").shape, range(24))
        )
    assert shapes == [(600, 512, 3), (512, 512, 3)] * 12


def test_nothing_stays_open(photo: Path) -> None:
    decode_photo(photo, "photo 1")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        decode_photo(photo, "photo 1")
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # a mapping may wait for the garbage collector
