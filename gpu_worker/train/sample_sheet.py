"""The samples of a training in one picture: a row for each train step, its scores below, photos to compare with on top.

Only drawn here: what was scored and chosen is told by the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gpu_worker.train.choosing import SAID

TILE = 160  # px
GAP, APART = 8, 24  # px, between tiles, and between tiles of two prompts and at the borders
LINE = 20  # px, of text
ROW = TILE + LINE + APART
NARROWEST = 720  # px, for sentences
INK, FAINT, FRAME = (40, 40, 40), (125, 125, 125), (30, 140, 70)
VERDICTS = {
    "chosen": "chosen",
    "copies": "left out: repeats photos",
    "collapsed": "left out: all alike",
    "dominated": "left out: no better than another in anything",
    "beaten": "",
    None: "",
}

Pictures = Sequence[np.ndarray]


@dataclass(frozen=True)
class Row:
    """Pictures, RGB, uint8 (H, W, 3), with a line below; `chosen` ones get a frame."""

    pictures: Pictures
    title: str
    told: str = ""
    chosen: bool = False


def sample_sheet(
    prompts: Sequence[str], rows: Sequence[tuple[Mapping[str, Any], Pictures]], photos: Pictures, why: str
) -> Image.Image:
    """RGB. `prompts`: of every sample, equal ones beside each other; `rows`: each candidate's row of Choice.table with
    its samples; `photos`: squares of the subject; `why`: the choice in one sentence.
    """
    lefts = _lefts(prompts)
    width = max(NARROWEST, lefts[-1] + TILE + APART)
    groups, sentence = _groups(prompts, lefts), _wrapped(why, width - 2 * APART, _font())
    heads = [_wrapped(text, right - left, _font(12)) for text, left, right in groups]
    head = max(len(lines) for lines in heads) * LINE + GAP
    height = (len(rows) + bool(len(photos))) * ROW + head + len(sentence) * LINE + 2 * APART
    sheet = Image.new("RGB", (width, height), "white")
    draw, top = ImageDraw.Draw(sheet), APART
    if len(photos):
        shown = photos[: len(prompts)]
        _paste(sheet, draw, Row(shown, "photos"), _evenly(len(shown)), top)
        top += ROW
    _heads(draw, heads, groups, top)
    for number, (table, samples) in enumerate(rows):
        _paste(sheet, draw, _row(table, samples), lefts, top + head + number * ROW)
    _lines(draw, sentence, top + head + len(rows) * ROW)
    return sheet


def _lines(draw: ImageDraw.ImageDraw, lines: Sequence[str], top: int) -> None:
    for number, line in enumerate(lines):
        draw.text((APART, top + number * LINE), line, fill=INK, font=_font())


def _row(table: Mapping[str, Any], samples: Pictures) -> Row:
    scores = [f"{said} {table[name]:.2f}" for name, said in SAID.items() if table.get(name) is not None]
    told = [*scores, *([f"together {table['weighted']:.2f}"] if table.get("weighted") is not None else [])]
    told += [VERDICTS[table["verdict"]]] if VERDICTS[table["verdict"]] else []
    return Row(samples, f"train step {table['step']}", "   ".join(told), table["verdict"] == "chosen")


def _lefts(prompts: Sequence[str]) -> list[int]:
    """Where each sample's tile begins, px."""
    lefts = [APART]
    for before, prompt in pairwise(prompts):
        lefts.append(lefts[-1] + TILE + (GAP if prompt == before else APART))
    return lefts


def _evenly(count: int) -> list[int]:
    return [APART + number * (TILE + GAP) for number in range(count)]


def _groups(prompts: Sequence[str], lefts: Sequence[int]) -> list[tuple[str, int, int]]:
    """Each prompt with where its tiles begin and end, px."""
    found: list[tuple[str, int, int]] = []
    for prompt, left in zip(prompts, lefts, strict=True):
        if found and found[-1][0] == prompt:
            found[-1] = (prompt, found[-1][1], left + TILE)
        else:
            found.append((prompt, left, left + TILE))
    return found


def _heads(
    draw: ImageDraw.ImageDraw, heads: Sequence[Sequence[str]], groups: Sequence[tuple[str, int, int]], top: int
) -> None:
    for lines, (_, left, _) in zip(heads, groups, strict=True):
        for number, line in enumerate(lines):
            draw.text((left, top + number * LINE), line, fill=FAINT, font=_font(12))


def _paste(sheet: Image.Image, draw: ImageDraw.ImageDraw, row: Row, lefts: Sequence[int], top: int) -> None:
    for picture, left in zip(row.pictures, lefts, strict=False):
        sheet.paste(Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.LANCZOS), (left, top))
    if row.chosen:
        box = (APART - 6, top - 6, lefts[-1] + TILE + 5, top + TILE + 5)
        draw.rectangle(box, outline=FRAME, width=3)
    below, colour = top + TILE + GAP, FRAME if row.chosen else INK
    draw.text((APART, below), row.title, fill=colour, font=_font(15))
    after = APART + int(_font(15).getlength(row.title)) + 2 * GAP
    draw.text((after, below + 2), row.told, fill=colour if row.chosen else FAINT, font=_font(13))


def _wrapped(text: str, width: int, font: Any) -> list[str]:
    """Lines of `text` no wider than `width` px, where its words are not."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _font(size: int = 14) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
