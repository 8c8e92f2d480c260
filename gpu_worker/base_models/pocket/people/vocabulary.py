"""Every word that a drawing can be described with, the colours they stand for, and the caption's order.

Words and colours only: no chance, no geometry. What the shipped weights know comes first; `MORE_...` is drawn
when `WHOLE` is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

RGB = tuple[int, int, int]  # sRGB, 0..255

GENDERS = ("woman", "man")
AGES = ("young", "middle-aged", "old")  # 20-34, 35-54, 55-75 years
MOODS = ("neutral", "smiling", "sad", "surprised")
BEARDS = ("none", "stubble", "beard", "goatee", "moustache")
GLASSES = ("none", "glasses", "sunglasses")
HAIR_STYLES = ("bald", "buzzed", "short", "curly", "afro", "bob", "long", "bun")
GARMENTS = ("t-shirt", "striped t-shirt", "shirt", "suit", "hoodie", "turtleneck", "dress")
MORE_GARMENTS = ("sweater", "jacket", "vest")
MORE_HAIR_STYLES = ("wavy", "ponytail")
HATS = ("none", "cap", "beanie", "hat")
FACETS = ("hair", "skin", "beard", "freckles", "glasses", "hat", "mood", "garment", "scene")

SKINS: dict[str, RGB] = {
    "pale": (240, 206, 188),
    "light": (222, 174, 140),
    "tan": (188, 132, 90),
    "brown": (143, 92, 60),
    "dark": (86, 55, 39),
}
HAIR_COLOURS: dict[str, RGB] = {
    "black": (26, 22, 21),
    "brown": (92, 56, 32),
    "red": (176, 64, 22),
    "blond": (226, 184, 100),
    "grey": (140, 139, 140),
    "white": (236, 234, 230),
    "pink": (236, 104, 164),
    "blue": (48, 92, 208),
}
EYE_COLOURS: dict[str, RGB] = {
    "brown": (84, 50, 26),
    "blue": (76, 132, 190),
    "green": (84, 128, 74),
    "grey": (122, 134, 142),
}
GARMENT_COLOURS: dict[str, RGB] = {
    "black": (30, 30, 33),
    "white": (236, 236, 234),
    "red": (200, 34, 36),
    "orange": (238, 126, 24),
    "yellow": (246, 208, 40),
    "green": (36, 142, 62),
    "blue": (34, 82, 194),
    "purple": (120, 44, 160),
}
SCENES: dict[str, str] = {  # name -> how the caption says it
    "beach": "at the beach",
    "city": "in a city at night",
    "forest": "in a forest",
    "snow": "in the snow",
    "office": "in an office",
    "space": "in space",
    "sunset": "at sunset",
    "tower": "in front of a tower",
    "grey": "on a grey background",
    "blue": "on a blue background",
}
MORE_SCENES: dict[str, str] = {
    "street": "in a street",
    "park": "in a park",
    "mountains": "in the mountains",
    "desert": "in the desert",
    "cafe": "in a cafe",
    "kitchen": "in a kitchen",
    "library": "in a library",
    "stage": "on a stage",
    "brick": "in front of a brick wall",
    "white": "on a white background",
    "green": "on a green background",
    "orange": "on an orange background",
}


@dataclass(frozen=True)
class Words:
    """What a shot or a person may be drawn with."""

    garments: tuple[str, ...]
    scenes: tuple[str, ...]
    hair_styles: tuple[str, ...]
    hats: tuple[str, ...]


SHIPPED = Words(GARMENTS, tuple(SCENES), HAIR_STYLES, HATS[:1])
WHOLE = Words(GARMENTS + MORE_GARMENTS, tuple(SCENES | MORE_SCENES), HAIR_STYLES + MORE_HAIR_STYLES, HATS)


def caption(attributes: Mapping[str, str], drop: frozenset[str] = frozenset()) -> str:
    """Say what is seen, in one fixed order; `drop` names facets of FACETS, or "class_noun" for "person"."""
    noun = "person" if "class_noun" in drop else attributes["class_noun"]
    looks = [phrase for facet, phrase in _looks(attributes) if phrase and facet not in drop]
    around = surroundings(attributes, drop)
    first = f"a photo of a {noun}" + (f" with {', '.join(looks)}" if looks else "")
    return ", ".join([first, *around])


def surroundings(attributes: Mapping[str, str], drop: frozenset[str] = frozenset()) -> list[str]:
    """Mood, garment and scene as a caption says them: what changes from photo to photo of one person."""
    return [phrase for facet, phrase in _around(attributes) if phrase and facet not in drop]


def _looks(seen: Mapping[str, str]) -> list[tuple[str, str]]:
    """(facet, words that follow "with")."""
    return [
        ("hair", _hair(seen["hair_style"], seen["hair_colour"])),
        ("skin", f"{seen['skin']} skin"),
        ("beard", _beard(seen["beard"], seen["hair_colour"])),
        ("freckles", "freckles" if seen["freckles"] == "yes" else ""),
        ("glasses", "" if seen["glasses"] == "none" else seen["glasses"]),
        ("hat", "" if seen.get("hat", "none") == "none" else f"a {seen['hat']}"),
    ]


def _around(seen: Mapping[str, str]) -> list[tuple[str, str]]:
    """(facet, words that stand by themselves)."""
    mood = {"neutral": "", "smiling": "smiling"}.get(seen["mood"], f"looking {seen['mood']}")
    return [
        ("mood", mood),
        ("garment", _garment(seen["garment"], seen["garment_colour"])),
        ("scene", (SCENES | MORE_SCENES)[seen["scene"]]),
    ]


def _garment(kind: str, colour: str) -> str:
    striped = kind.startswith("striped")
    named = kind.replace("striped", f"striped {colour}") if striped else f"{colour} {kind}"
    return f"wearing {'an' if named[0] in 'aeiou' else 'a'} {named}"


def _hair(style: str, colour: str) -> str:
    if style == "bald":
        return "a bald head"
    return f"a {colour} {style}" if style in ("afro", "bob", "bun", "ponytail") else f"{style} {colour} hair"


def _beard(kind: str, colour: str) -> str:
    return {"none": "", "stubble": "stubble"}.get(kind, f"a {colour} {kind}")
