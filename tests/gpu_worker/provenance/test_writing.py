"""What stands in an image's file, as others see it."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker.images import read_rgb
from gpu_worker.provenance import Drawn, MadeBy, write_image
from gpu_worker.provenance.xmp import KEYWORD, SOURCE_TYPE, xmp_packet

XMP = "{http://ns.adobe.com/xap/1.0/}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
DESCRIPTION = ".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)


def described(packet: str) -> dict[str, str]:
    found = ET.fromstring(packet.encode()).find(DESCRIPTION)
    assert found is not None
    return dict(found.attrib)


def test_pillow_sees_both_texts_and_the_same_pixels(tmp_path: Path, drawn: Drawn, made_by: MadeBy) -> None:
    write_image(noise(), tmp_path / "a.png", drawn, made_by)
    assert np.array_equal(read_rgb(tmp_path / "a.png"), noise())
    with Image.open(tmp_path / "a.png") as image:
        texts = dict(image.text)  # type: ignore[attr-defined]  # of PNGs only
    assert set(texts) == {"parameters", KEYWORD}
    assert texts["parameters"].startswith(drawn.prompt)
    told = described(texts[KEYWORD])
    assert told[f"{IPTC}DigitalSourceType"] == SOURCE_TYPE
    assert told[f"{XMP}CreatorTool"].startswith("Photogen ")
    assert not {name for name in told if "Date" in name}


@pytest.mark.parametrize(("prompt", "chunk"), [("Zoë", b"tEXtparameters"), ("東京", b"iTXtparameters")])
def test_what_is_no_latin_goes_to_itxt(
    tmp_path: Path, drawn: Drawn, made_by: MadeBy, prompt: str, chunk: bytes
) -> None:
    write_image(noise(), tmp_path / "a.png", drawn.model_copy(update={"prompt": prompt}), made_by)
    assert chunk in (tmp_path / "a.png").read_bytes()


def test_same_inputs_same_bytes(tmp_path: Path, drawn: Drawn, made_by: MadeBy) -> None:
    for name in "ab":
        write_image(noise(), tmp_path / name, drawn, made_by)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_image_of_unknown_making_still_says_that_it_was_drawn(tmp_path: Path) -> None:
    write_image(noise(), tmp_path / "a.png", None, None)
    with Image.open(tmp_path / "a.png") as image:
        assert list(image.text) == [KEYWORD]  # type: ignore[attr-defined]  # of PNGs only


def test_the_packet_is_escaped() -> None:
    tool = "<Photo & \"gen\" 'x'/>"
    assert described(xmp_packet(tool))[f"{XMP}CreatorTool"] == tool
