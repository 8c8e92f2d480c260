"""The photo sheet: what stands on it, whatever customers send."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_worker.photo_report import CHECKS, COLOURS, CROP, OTHER, SUBJECT, PhotoEntry, photo_sheet

# Linear RGB as seen without one kind of cone: Machado, Oliveira and Fernandes, "A Physiologically-based Model for
# Simulation of Color Vision Deficiency", 2009, table 1, severity 1.0.
SEEN_BY = {
    "all three cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    ),
}


def entry(number: int = 1, **changes: Any) -> PhotoEntry:
    """A grey photo with a red crop whose left half is the subject."""
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, :32] = 255
    plain = PhotoEntry(
        number=number,
        photo=np.full((120, 160, 3), 90, np.uint8),
        verdict="accepted",
        subject=(60, 40, 30, 36),
        crop_box=(30, 10, 100, 100),
        crop=np.full((64, 64, 3), (200, 30, 30), np.uint8),
        alpha=alpha,
    )
    return replace(plain, **changes)


def has(sheet: Image.Image, colour: tuple[int, int, int]) -> int:
    """How many pixels have exactly this colour."""
    return int(np.all(np.asarray(sheet) == colour, axis=2).sum())


def test_every_photo_gets_a_card() -> None:
    heights = [photo_sheet([entry(n) for n in range(count)]).height for count in (0, 1, 2, 3)]
    assert heights[0] > 0
    assert heights[1] - heights[0] == heights[2] - heights[1] == heights[3] - heights[2] > 200
    assert {photo_sheet([entry()] * count).width for count in (0, 1, 5)} == {photo_sheet([]).width}


def test_verdicts_show_in_their_colours() -> None:
    for verdict, colour in COLOURS.items():
        assert has(photo_sheet([], verdict), colour) > 500
        for other in set(COLOURS) - {verdict}:
            assert has(photo_sheet([entry(verdict=verdict)], verdict), COLOURS[other]) == 0


def test_other_verdicts_are_refused() -> None:
    with pytest.raises(ValueError, match="no such verdict: fine"):
        entry(verdict="fine")
    with pytest.raises(ValueError, match="no such verdict: fine"):
        photo_sheet([], "fine")


@pytest.mark.parametrize(
    ("where", "box", "colour"),
    [
        ({"subject": (60, 40, 30, 36)}, (60, 40, 30, 36), SUBJECT),
        ({"crop_box": (30, 10, 100, 100)}, (30, 10, 100, 100), CROP),
        ({"others": [(10, 40, 20, 24)]}, (10, 40, 20, 24), OTHER),
    ],
)
def test_a_box_is_drawn_around_what_it_means(
    where: dict[str, Any], box: tuple[int, int, int, int], colour: tuple[int, int, int]
) -> None:
    without, sheet = (photo_sheet([entry(**{"subject": None, "crop_box": None, **more})]) for more in ({}, where))
    rows, columns = np.nonzero(np.any(np.asarray(sheet) != np.asarray(without), axis=2))
    enlarged = 240 / 160
    assert np.ptp(columns) == pytest.approx(box[2] * enlarged, abs=5)
    assert np.ptp(rows) == pytest.approx(box[3] * enlarged, abs=5)
    assert has(sheet, colour) > has(without, colour)


def test_the_cutout_lies_on_a_board() -> None:
    sheet = photo_sheet([entry()])
    crop, cutout = 240 * 240, 240 * 120
    assert has(sheet, (200, 30, 30)) == pytest.approx(crop + cutout, rel=0.05)
    for grey in CHECKS:
        assert has(sheet, (grey, grey, grey)) == pytest.approx(cutout / 2, rel=0.1)


def test_refused_photos_have_neither_crop_nor_cutout() -> None:
    refused = entry(verdict="refused", crop=None, alpha=None, crop_box=None)
    assert has(photo_sheet([refused], "refused"), (200, 30, 30)) == 0


def test_an_unreadable_photo_has_a_card_too() -> None:
    unreadable = entry(photo=None, verdict="refused", crop=None, alpha=None)
    sheet = photo_sheet([unreadable], "refused")
    assert sheet.size == photo_sheet([entry()], "refused").size
    assert has(sheet, (90, 90, 90)) < 100


def test_long_sentences_make_a_card_longer_and_never_leave_it() -> None:
    short, long = (photo_sheet([entry(sentences=["The face in photo 1 is blurred."] * count)]) for count in (1, 30))
    assert long.height > short.height + 500
    for words in ("blurred " * 80, "x" * 300, "photo\nwith\tgaps  " * 20):
        edge = np.asarray(photo_sheet([entry(sentences=[words])], advice=words))[:, -24:]
        assert edge.min() > 200  # the card's edge and the paper, no ink


@settings(max_examples=15, deadline=None)
@given(
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    boxes=st.lists(st.tuples(*[st.floats(-500, 1500)] * 2, *[st.floats(0, 2000)] * 2), max_size=3),
    sentence=st.text(max_size=60),
)
def test_any_photo_box_and_sentence_is_drawn(
    width: int, height: int, boxes: list[tuple[float, float, float, float]], sentence: str
) -> None:
    photo = np.full((height, width, 3), 90, np.uint8)
    odd = entry(photo=photo, others=boxes, sentences=[sentence], subject=(0, 0, 0, 0))
    sheet = photo_sheet([odd], advice=sentence)
    assert sheet.mode == "RGB"
    assert sheet.width == photo_sheet([]).width


@pytest.mark.parametrize("sight", SEEN_BY)
def test_verdicts_stay_apart_for_colour_blind_people(sight: str) -> None:
    """Distances in CIELAB; 20 is far beyond what is just seen (2)."""
    seen = [_lab(np.array(colour), SEEN_BY[sight]) for colour in COLOURS.values()]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 20


def _lab(colour: np.ndarray, sight: np.ndarray) -> np.ndarray:
    linear = np.where(colour / 255 <= 0.04045, colour / 255 / 12.92, ((colour / 255 + 0.055) / 1.055) ** 2.4)
    seen = np.clip(sight @ linear, 0, 1).astype(np.float32).reshape(1, 1, 3)
    return np.asarray(cv2.cvtColor(seen, cv2.COLOR_LRGB2LAB)).reshape(3)
