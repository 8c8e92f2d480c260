"""Whatever is done to a photo's bytes: an RGB image comes back, or BadPhotos with one of its codes; and a verdict."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_worker.errors import BadPhotos
from gpu_worker.gate.photo import PhotoLimits, judge_photo
from gpu_worker.images import MAX_PIXELS, MAX_SIDE, MIN_SIDE, read_photo
from tests.gpu_worker.hostile import metadata, profiles
from tests.gpu_worker.hostile.case import encoded, scene
from tests.gpu_worker.hostile.pngs import MAGIC
from tests.gpu_worker.hostile.portraits import portrait

CODES = {"unreadable_photo", "photo_too_large", "photo_too_small"}

place = st.integers(0, 2**24)
edit = st.one_of(
    st.tuples(st.just("flip"), place, st.integers(0, 7)),
    st.tuples(st.just("set"), place, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("delete"), place, st.integers(1, 64)),
    st.tuples(st.just("insert"), place, st.binary(min_size=1, max_size=64)),
    st.tuples(st.just("splice"), place, place),
    st.tuples(st.just("truncate"), place, st.none()),
)
Edit = tuple[str, int, int | bytes | None]


@cache
def seeds() -> tuple[bytes, ...]:
    """Small whole photos, together with most of what a decoder can do."""
    small, face = scene(208, 200), portrait(208, 211)
    clear = small.convert("RGBA")
    clear.putalpha(90)
    told = {"exif": metadata.exif(6), "icc_profile": profiles.swapped()}
    moving = {"save_all": True, "append_images": [clear]}
    return (
        encoded(small, "JPEG", quality=30, **told),
        encoded(small, "JPEG", quality=30, progressive=True, restart_marker_blocks=20),
        encoded(small.convert("CMYK"), "JPEG", quality=30, icc_profile=profiles.cmyk()),
        encoded(small, "MPO", save_all=True, append_images=[small.reduce(4)]),
        encoded(small, "PNG", **told),
        encoded(small.quantize(16), "PNG", transparency=b"\x80" * 16),
        encoded(clear, "PNG", **moving),
        encoded(small, "WEBP", quality=30, **told),
        encoded(small.quantize(16).convert("RGB"), "WEBP", lossless=True),
        encoded(clear, "WEBP", **moving),
        encoded(small, "HEIF", quality=30, **told),
        encoded(small, "HEIF", quality=30, tile_size=128),
        encoded(clear, "HEIF", quality=30),
        encoded(face, "JPEG", quality=30),
        encoded(face.quantize(32), "PNG"),
        encoded(face, "WEBP", quality=30),
    )


def edited(content: bytes, edits: list[Edit]) -> bytes:
    for kind, at, how in edits:
        at %= len(content) + 1
        head, tail = content[:at], content[at:]
        if kind == "flip" and tail and isinstance(how, int):
            content = head + bytes([tail[0] ^ 1 << how]) + tail[1:]
        elif kind == "set" and isinstance(how, bytes):
            content = head + how + tail[len(how) :]
        elif kind == "delete" and isinstance(how, int):
            content = head + tail[how:]
        elif kind == "insert" and isinstance(how, bytes):
            content = head + how + tail
        elif kind == "splice" and isinstance(how, int):
            other = seeds()[how % len(seeds())]
            content = head + other[how % len(other) :]
        elif kind == "truncate":
            content = head
    return content


def mended(content: bytes) -> bytes:
    """A PNG's checksums made right again, so that damage gets past them."""
    made, at = bytearray(content), len(MAGIC)
    while content.startswith(MAGIC) and at + 12 <= len(made):
        end = at + 8 + int.from_bytes(made[at : at + 4], "big")
        made[end : end + 4] = zlib.crc32(made[at + 4 : end]).to_bytes(4, "big") if end + 4 <= len(made) else b""
        at = end + 4
    return bytes(made)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    content = edited(draw(st.sampled_from(seeds())), draw(st.lists(edit, min_size=1, max_size=6)))
    return mended(content) if draw(st.booleans()) else content


def check(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    photo = _read(path)
    if isinstance(photo, str):
        assert photo in CODES
        return
    assert type(photo) is Image.Image
    assert (photo.mode, photo.info, dict(photo.getexif())) == ("RGB", {}, {})
    assert MIN_SIDE <= min(photo.size) <= max(photo.size) <= MAX_SIDE
    assert photo.width * photo.height <= MAX_PIXELS


def check_verdict(path: Path, content: bytes) -> None:
    """The judge agrees with the decoder, and has something to say of whatever was decoded."""
    path.write_bytes(content)
    photo = _read(path)
    verdict, judged = judge_photo(path, 3, PhotoLimits())
    if isinstance(photo, str):
        assert [found.code for found in verdict.findings] == [photo]
        assert judged is None
        return
    assert judged is not None
    assert verdict.size == (judged.shape[1], judged.shape[0])
    assert sorted(judged.shape[:2]) == sorted(photo.size)


def _read(path: Path) -> Image.Image | str:
    """The photo, or the code it is refused with."""
    try:
        return read_photo(path, "photo 3")
    except BadPhotos as refusal:
        return refusal.code


def test_undamaged_ones_are_accepted(tmp_path: Path) -> None:
    for content in seeds():
        (tmp_path / "photo").write_bytes(content)
        assert read_photo(tmp_path / "photo", "photo 3").mode == "RGB"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_damage(tmp_path: Path, content: bytes) -> None:
    check(tmp_path / "photo", content)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_damage_is_judged(tmp_path: Path, content: bytes) -> None:
    check_verdict(tmp_path / "photo", content)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_much_damage_is_judged(tmp_path: Path, content: bytes) -> None:
    check_verdict(tmp_path / "photo", content)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_much_damage(tmp_path: Path, content: bytes) -> None:
    check(tmp_path / "photo", content)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([b"", b"\xff\xd8\xff", MAGIC, b"RIFF", b"\0\0\0\x18ftypheic"]), st.binary(max_size=300))
def test_noise(tmp_path: Path, start: bytes, content: bytes) -> None:
    check(tmp_path / "photo", start + content)
