"""An image's file: its pixels with what is known of how they were made.

Nothing is decided here of what a record holds, nor of what a signature says.
"""

import io
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL.PngImagePlugin import PngInfo

from gpu_worker.images import write_png
from gpu_worker.provenance.infotext import infotext
from gpu_worker.provenance.record import Drawn, MadeBy
from gpu_worker.provenance.xmp import KEYWORD, xmp_packet

PARAMETERS = "parameters"  # where the web UI puts its text, and readers look


class Signer(Protocol):
    """See signing.ImageSigner, whose libraries only those load who sign."""

    def sign(self, png: bytes, drawn: Drawn | None, made_by: MadeBy | None) -> bytes: ...


def write_image(
    pixels: np.ndarray, path: Path, drawn: Drawn | None, made_by: MadeBy | None, signer: Signer | None = None
) -> None:
    """Write a PNG of uint8 (H, W, 3) with an XMP packet and, where it is known what made it, `parameters`.

    Equal arguments without `signer` give equal bytes; a signed file has a manifest of its own each time. Raises
    BadSigner, Unreachable.
    """
    metadata = PngInfo()
    if drawn is not None and made_by is not None:
        metadata.add_text(PARAMETERS, infotext(drawn, made_by))  # iTXt when it is not Latin-1
    metadata.add_itxt(KEYWORD, xmp_packet(f"Photogen {version('photogen')}"))
    if signer is None:
        write_png(pixels, path, metadata)
        return
    unsigned = io.BytesIO()
    write_png(pixels, unsigned, metadata)
    path.write_bytes(signer.sign(unsigned.getvalue(), drawn, made_by))
