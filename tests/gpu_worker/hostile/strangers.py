"""What is no photo at all, or two things at once, or nothing; and honest photos under dreadful names.

Only how the files are made and what must come of them.
"""

from __future__ import annotations

import io
import zipfile
from functools import partial

from tests.gpu_worker.hostile.case import Build, Case, encoded, refused, scene
from tests.gpu_worker.hostile.heifs import heic
from tests.gpu_worker.hostile.jpegs import COMMENT, jpeg, segment
from tests.gpu_worker.hostile.pngs import MAGIC, chunk, with_chunks
from tests.gpu_worker.hostile.webps import webp

LIMIT = 25 * 1024 * 1024
OTHERS = ("GIF", "BMP", "TIFF", "PPM", "ICO", "JPEG2000", "AVIF", "TGA", "PCX", "DDS", "EPS", "PDF", "SGI")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd" width="300" height="300"/></svg>'
BEGINNINGS = {
    "SVG": SVG,
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "text": b"holiday",
    "a shell script": b"#!/bin/sh\nrm -rf /\n",
    "PSD": b"8BPS\0\1" + bytes(200),
    "MP4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(200),
    "ELF": b"\x7fELF\2\1\1" + bytes(200),
    "a Windows program": b"MZ" + bytes(200),
    "RAW": b"II*\0\x10\0\0\0CR\2\0" + bytes(200),
    "MVG": b"push graphic-context\nimage over 0,0 0,0 'https://localhost/x'\npop graphic-context\n",
    "XBM": b"#define a_width 300\n#define a_height 300\nstatic char a_bits[] = {0};\n",
}
MAGICS = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": MAGIC,
    "WebP": b"RIFF\x10\0\0\0WEBPVP8 ",
    "HEIC": b"\0\0\0\x18ftypheic",
}
NAMES = (
    "photo",
    "photo.jpg.exe",
    "..%2f..%2fetc%2fpasswd",
    "..\\..\\etc\\passwd",
    ".htaccess",
    "...",
    "-rf",
    "--help",
    "~",
    "con.jpg",
    "NUL",
    "a\nb.jpg",
    "a\rb\tc.jpg",
    "\x01\x1b[2J.jpg",
    "\u202egpj.exe",
    "🙂.jpg",
    "e\u0301.jpg",
    "照片.jpg",
    "x" * 250 + ".jpg",
    "'; drop table photos; --.jpg",
    "$(id).jpg",
    "{0.__class__}%s.jpg",
    "\udcff\udcfe.jpg",  # bytes that are no UTF-8
)


def strangers() -> list[Case]:
    return [*_others(), *_empty(), *_double(), *_sizes(), *_named()]


def _others() -> list[Case]:
    pictures = [refused(f"{kind} as a photo", partial(encoded, scene(), kind)) for kind in OTHERS]
    texts = [refused(f"{name} as a photo", partial(bytes, body)) for name, body in BEGINNINGS.items()]
    return [*pictures, *texts, refused("a ZIP as a photo", zipped)]


def _empty() -> list[Case]:
    magics = [refused(f"nothing but {kind}'s first bytes", partial(bytes, body)) for kind, body in MAGICS.items()]
    return [
        refused("nothing", bytes),
        refused("one byte", lambda: b"\xff"),
        refused("zeros", partial(bytes, 5000)),
        *magics,
    ]


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("../../evil.py"), "print('hello')")
    return buffer.getvalue()


def _double() -> list[Case]:
    """Two formats in one file: the photo counts when it comes first."""
    script = b"GIF89a/*" + bytes(300) + b"*/=1;alert(1)"
    document = b"%PDF-1.4\n1 0 obj<</Subtype/Image/Filter/DCTDecode>>stream\n"
    movie = bytes(24) + b"ftypmp42" + bytes(2_000_000)
    return [
        Case("JPEG and ZIP", lambda: jpeg() + zipped()),
        Case("JPEG and film, as phones write it", lambda: jpeg() + movie),
        Case("JPEG with a PDF in its comment", partial(jpeg, None, segment(COMMENT, document))),
        Case("PNG and HTML", lambda: with_chunks() + b"<html><script>alert(1)</script>"),
        Case("PNG with PHP in a chunk", partial(with_chunks, chunk(b"tEXt", b"Comment\0<?php system($_GET[0]);?>"))),
        Case("WebP and ZIP", lambda: webp(scene()) + zipped()),
        refused("GIF and JavaScript", lambda: script),
        refused("PDF and JPEG", lambda: document + jpeg()),
        refused("ZIP and JPEG", lambda: zipped() + jpeg()),
        refused("line feed and JPEG", lambda: b"\n" + jpeg()),
        refused("byte order mark and PNG", lambda: b"\xef\xbb\xbf" + with_chunks()),
    ]


def _sizes() -> list[Case]:
    def of_size(width: int, height: int, kind: str = "PNG") -> bytes:
        return encoded(scene(width, height), kind)

    small = [
        refused(f"{kind} of {width} x {height} px", partial(of_size, width, height, kind), "photo_too_small")
        for kind in ("JPEG", "PNG", "WEBP", "HEIF")
        for width, height in ((1, 1), (199, 300))
        if (kind, width) != ("HEIF", 1)
    ]
    return [
        *small,
        Case("200 x 200 px", partial(of_size, 200, 200), look=partial(scene, 200, 200)),
        Case("a file of 25 MB", lambda: jpeg().ljust(LIMIT, b"\0")),
        refused("a file of 25 MB and a byte", lambda: jpeg().ljust(LIMIT + 1, b"\0"), "photo_too_large"),
    ]


def _named() -> list[Case]:
    wrong: dict[str, Build] = {
        "photo.png": jpeg,
        "photo.heic": with_chunks,
        "photo.jpg": partial(webp, scene()),
        "photo.gif": heic,
    }
    return [
        *(Case(f"named {name[:20]!r}", jpeg, file=name) for name in NAMES),
        *(Case(f"a wrong ending, {name}", build, file=name) for name, build in wrong.items()),
    ]
