"""Contact sheets of drawn people: as many pictures as asked for, side by side."""

from pathlib import Path

import pytest
from PIL import Image

from gpu_worker.base_models.pocket.people.sheet import GAP, main

pytestmark = pytest.mark.usefixtures("drawer")


@pytest.mark.parametrize("extra", [[], ["--person", "3"], ["--shipped"]])
def test_a_sheet_holds_its_pictures(tmp_path: Path, extra: list[str]) -> None:
    out = tmp_path / "sheet.png"
    assert main([str(out), "--count", "3", "--size", "24", "--columns", "2", *extra]) == 0
    with Image.open(out) as page:
        assert page.size == (2 * (24 + GAP) + GAP, 2 * (24 + GAP) + GAP)
        assert page.getpixel((0, 0)) == (255, 255, 255)
        assert page.crop((GAP, GAP, GAP + 24, GAP + 24)).getextrema() != ((255, 255),) * 3
