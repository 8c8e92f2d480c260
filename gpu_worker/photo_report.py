"""The photo sheet: every photo of a job with its boxes, crop, cutout and verdict, on one picture for the customer.

Nothing is judged here, and no file is read or written.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Box = tuple[float, float, float, float]
Colour = tuple[int, int, int]

TILE = 240  # px; a face and its boxes are still seen well
GAP = 20  # px
PAD = 16  # px between a card's edge and what stands in it
TEXT = 460  # px, the column of words: about sixty letters a line
LEAD = 8  # px between paragraphs
WIDTH = 2 * GAP + 7 * PAD + 3 * TILE + TEXT
LINE = 1.4  # line height in letter sizes
SIZES = {"title": 30, "verdict": 24, "words": 19, "label": 15}  # px

PAPER, CARD, EDGE = (244, 245, 247), (255, 255, 255), (222, 225, 230)
INK, SOFT_INK, FAINT = (28, 32, 38), (92, 99, 110), (236, 238, 241)
# Boxes, told apart by lightness too, and what the headline calls them.
SUBJECT, OTHER, CROP = (0, 200, 150), (240, 110, 190), (255, 255, 255)
LEGEND = ((SUBJECT, "the face we train on"), (OTHER, "other faces"), (CROP, "the crop"))
CHECKS: tuple[int, int] = (252, 214)  # grey levels of the board behind a cutout
CHECK = 12  # px

# Colour and sign by verdict. Blue, amber and dark red stay apart for every kind of colour blindness, also in
# lightness, and the sign says the same again.
ACCEPTED, WARNED, REFUSED = "accepted", "accepted with warnings", "refused"
COLOURS: dict[str, Colour] = {ACCEPTED: (0, 114, 178), WARNED: (230, 159, 0), REFUSED: (150, 25, 30)}
# What is drawn on each verdict's disc: lines through points, shares of its width.
STROKES = {
    ACCEPTED: [[(0.27, 0.53), (0.44, 0.7), (0.74, 0.33)]],
    WARNED: [[(0.5, 0.2), (0.5, 0.6)], [(0.5, 0.69), (0.5, 0.8)]],
    REFUSED: [[(0.3, 0.3), (0.7, 0.7)], [(0.3, 0.7), (0.7, 0.3)]],
}


@dataclass(frozen=True)
class PhotoEntry:
    """One photo on the sheet.

    `photo` is a thumbnail, RGB uint8 (H, W, 3), None when it could not be read. Boxes are (x, y, width, height) in
    its pixels: the subject's face, other faces, the crop. `crop` is RGB uint8 (S, S, 3) and `alpha` uint8 (S, S);
    both are None for what was not made. `verdict` is "accepted", "accepted with warnings" or "refused"; anything
    else raises ValueError.
    """

    number: int
    photo: NDArray[np.uint8] | None
    verdict: str
    sentences: Sequence[str] = ()
    subject: Box | None = None
    others: Sequence[Box] = ()
    crop_box: Box | None = None
    crop: NDArray[np.uint8] | None = None
    alpha: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.verdict not in COLOURS:
            raise ValueError(f"no such verdict: {self.verdict}")


def photo_sheet(entries: Sequence[PhotoEntry], verdict: str = ACCEPTED, advice: str = "") -> Image.Image:
    """One card under another below a headline with the whole set's verdict and advice; RGB.

    Raises ValueError for a verdict that is none of the three.
    """
    if verdict not in COLOURS:
        raise ValueError(f"no such verdict: {verdict}")
    cards = [_headline(entries, verdict, advice), *(_card(entry) for entry in entries)]
    sheet = Image.new("RGB", (WIDTH, sum(card.height + GAP for card in cards) + GAP), PAPER)
    return _stack(sheet, cards, (GAP, GAP), GAP)


def _headline(entries: Sequence[PhotoEntry], verdict: str, advice: str) -> Image.Image:
    good = sum(entry.verdict != REFUSED for entry in entries)
    width = WIDTH - 2 * GAP - 4 * PAD
    parts = [
        _title(f"Your photos: {verdict}", verdict, "title", width),
        _text(advice, "words", INK, width),
        _text(f"{good} of {len(entries)} photos can be used.", "words", SOFT_INK, width),
    ]
    card = _blank(2 * PAD + sum(part.height + LEAD for part in parts) - LEAD, verdict)
    _stack(card, parts, (2 * PAD, PAD), LEAD)
    legend = _legend()
    return _stack(card, [legend], (card.width - PAD - legend.width, card.height - PAD - legend.height), LEAD)


def _card(entry: PhotoEntry) -> Image.Image:
    sentences = entry.sentences or (["Nothing to change."] if entry.verdict == ACCEPTED else [])
    parts = [
        _text(f"Photo {entry.number}", "words", SOFT_INK, TEXT),
        _title(entry.verdict.capitalize(), entry.verdict, "verdict", TEXT),
        *(_text(sentence, "words", INK, TEXT) for sentence in sentences),
    ]
    card = _blank(2 * PAD + max(TILE + _line("label"), sum(part.height + LEAD for part in parts) - LEAD), entry.verdict)
    tiles = (("photo", _with_boxes(entry)), ("crop", _crop(entry)), ("cutout", _cutout(entry)))
    for column, (label, tile) in enumerate(tiles):
        _stack(card, [tile, _text(label, "label", SOFT_INK, TILE)], (2 * PAD + column * (TILE + PAD), PAD), 2)
    return _stack(card, parts, (3 * PAD + 3 * (TILE + PAD), PAD), LEAD)


def _stack(ground: Image.Image, parts: Sequence[Image.Image], corner: tuple[int, int], lead: int) -> Image.Image:
    """`ground` with `parts` pasted one below another."""
    left, top = corner
    for part in parts:
        ground.paste(part, (left, top))
        top += part.height + lead
    return ground


def _blank(height: int, verdict: str) -> Image.Image:
    """A white card with an edge and a bar in the verdict's colour."""
    card = Image.new("RGB", (WIDTH - 2 * GAP, height), CARD)
    draw = ImageDraw.Draw(card)
    draw.rectangle((0, 0, card.width - 1, height - 1), outline=EDGE)
    draw.rectangle((0, 0, 7, height - 1), fill=COLOURS[verdict])
    return card


def _text(text: str, size: str, colour: Colour, width: int) -> Image.Image:
    """Wrapped lines on white, `width` px wide."""
    font = _font(size)
    lines = _wrapped(text, font, width)
    block = Image.new("RGB", (width, len(lines) * _line(size)), CARD)
    for number, line in enumerate(lines):
        ImageDraw.Draw(block).text((0, number * _line(size)), line, fill=colour, font=font)
    return block


def _title(text: str, verdict: str, size: str, width: int) -> Image.Image:
    """The verdict's sign and words beside it."""
    side = SIZES[size]
    words = _text(text, size, INK, width - side - LEAD)
    block = Image.new("RGB", (width, words.height), CARD)
    block.paste(words, (side + LEAD, 0))
    _sign(block, (0, round(0.17 * side)), side, verdict)
    return block


def _legend() -> Image.Image:
    """What the boxes' colours mean, in one line."""
    font, side = _font("label"), SIZES["label"]
    widths = [side + 6 + math.ceil(font.getlength(words)) + PAD for _, words in LEGEND]
    block = Image.new("RGB", (sum(widths), _line("label")), CARD)
    draw, left = ImageDraw.Draw(block), 0
    for (colour, words), width in zip(LEGEND, widths, strict=True):
        _outline(draw, (left + 2, 4, left + side - 1, side + 1), colour)
        draw.text((left + side + 6, 0), words, fill=SOFT_INK, font=font)
        left += width
    return block


def _sign(card: Image.Image, corner: tuple[int, int], side: int, verdict: str) -> None:
    """A disc with a tick, an exclamation mark or a cross; drawn large first, which smooths its edges."""
    large = 4 * side
    disc = Image.new("L", (large, large))
    ImageDraw.Draw(disc).ellipse((0, 0, large - 1, large - 1), fill=255)
    sign = Image.new("RGB", disc.size, COLOURS[verdict])
    for stroke in STROKES[verdict]:
        points = [(large * right, large * down) for right, down in stroke]
        ImageDraw.Draw(sign).line(points, fill=CARD, width=large // 9, joint="curve")
    small = (side, side)
    card.paste(sign.resize(small, Image.Resampling.LANCZOS), corner, disc.resize(small, Image.Resampling.LANCZOS))


def _with_boxes(entry: PhotoEntry) -> Image.Image:
    if entry.photo is None:
        return _nothing("not readable")
    tile, scale, corner = _fitted(entry.photo)
    draw = ImageDraw.Draw(tile)
    boxes = [(box, OTHER) for box in entry.others]
    boxes += [(box, colour) for box, colour in ((entry.crop_box, CROP), (entry.subject, SUBJECT)) if box]
    for (x, y, width, height), colour in boxes:
        left, top = corner[0] + x * scale, corner[1] + y * scale
        edges = (left, top, left + max(1.0, width * scale) - 1, top + max(1.0, height * scale) - 1)
        _outline(draw, edges, colour)
    return tile


def _outline(draw: ImageDraw.ImageDraw, edges: Box, colour: Colour) -> None:
    """A coloured frame between two dark ones, to be seen on any photo; `edges` are left, top, right, bottom."""
    for out, shade in ((2, INK), (1, colour), (0, colour), (-1, INK)):
        left, top, right, bottom = edges[0] - out, edges[1] - out, edges[2] + out, edges[3] + out
        draw.rectangle((min(left, right), min(top, bottom), max(left, right), max(top, bottom)), outline=shade)


def _crop(entry: PhotoEntry) -> Image.Image:
    return _nothing("not used") if entry.crop is None else _fitted(entry.crop)[0]


def _cutout(entry: PhotoEntry) -> Image.Image:
    if entry.crop is None or entry.alpha is None:
        return _nothing("not used")
    tile = _fitted(entry.crop)[0]
    alpha = Image.fromarray(entry.alpha).resize((TILE, TILE), Image.Resampling.LANCZOS)
    squares = np.add.outer(np.arange(TILE) // CHECK, np.arange(TILE) // CHECK) % 2
    board = Image.fromarray(np.where(squares, *CHECKS).astype(np.uint8)).convert("RGB")
    return Image.composite(tile, board, alpha)


def _nothing(why: str) -> Image.Image:
    tile = Image.new("RGB", (TILE, TILE), FAINT)
    ImageDraw.Draw(tile).text((TILE / 2, TILE / 2), why, fill=SOFT_INK, font=_font("label"), anchor="mm")
    return tile


def _fitted(pixels: NDArray[np.uint8]) -> tuple[Image.Image, float, tuple[int, int]]:
    """The whole picture in the middle of a tile, with its scale and its corner on the tile."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = TILE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    corner = ((TILE - size[0]) // 2, (TILE - size[1]) // 2)
    tile = Image.new("RGB", (TILE, TILE), FAINT)
    tile.paste(image.resize(size, Image.Resampling.LANCZOS), corner)
    return tile, scale, corner


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Lines no wider than `width`, px; a word too long for a line is broken, as file names are."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if font.getlength(joined) <= width:
            lines[-1] = joined
            continue
        lines.append("")
        for letter in word:
            if font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]


def _line(size: str) -> int:
    return round(SIZES[size] * LINE)


def _font(size: str) -> ImageFont.FreeTypeFont:
    """Aileron, which lies inside Pillow: no font need be installed."""
    font = ImageFont.load_default(SIZES[size])
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow's wheels carry FreeType
    return font
