"""`<lora:name:weight>`: which LoRA weights a prompt asks for. Whether they exist is not known here."""

from dataclasses import dataclass
from string import ascii_letters, digits

from gpu_worker.prompt_language.limits import Limits, check_count, check_weight, refuse
from gpu_worker.prompt_language.scanner import read_number

NAME = frozenset(ascii_letters + digits + "_-.")  # a name never says a path
MAX_NAME = 64


@dataclass(frozen=True)
class Lora:
    """Weights by name, and how strongly the unet and the text encoder take them."""

    name: str
    weight: float
    text_weight: float


def take_loras(text: str, limits: Limits) -> tuple[str, tuple[Lora, ...]]:
    """The text without its tags, and what they ask for.

    `<lora:name>`, `<lora:name:unet>`, `<lora:name:unet:text>`, also with `unet=` and `te=`; one weight holds for
    both. Raises BadPrompt with `unknown_tag`, `bad_lora`, `too_many_loras` or `weight_out_of_range`.
    """
    kept, found, start, at = [], [], 0, text.find("<")
    while at >= 0:
        colon = _end_of_word(text, at + 1)
        end = text.find(">", colon) if text[colon : colon + 1] == ":" and colon > at + 1 else None
        if end == -1:
            break  # no tag ends any more, so none begins
        if end is None or end == colon + 1:
            at = text.find("<", colon)
            continue
        kept.append(text[start:at])
        found.append(_read(text[at + 1 : colon], text[colon + 1 : end], limits))
        start = end + 1
        at = text.find("<", start)
    check_count(len(found), limits.loras, "too_many_loras", "LoRAs")
    return "".join([*kept, text[start:]]), tuple(found)


def _end_of_word(text: str, at: int) -> int:
    while at < len(text) and (text[at].isalnum() or text[at] == "_"):
        at += 1
    return at


def _read(kind: str, rest: str, limits: Limits) -> Lora:
    if kind != "lora":
        refuse("unknown_tag", f"The prompt has a tag <{kind[:40]}:…>; only <lora:name:weight> is known.")
    name, *values = (part.strip() for part in rest.split(":"))
    if not 0 < len(name) <= MAX_NAME or not NAME.issuperset(name) or name.startswith("."):
        refuse("bad_lora", "The name in a <lora:name:weight> is letters, digits, _, - and points.")
    unet, text = _weights(name, values)
    check_weight(unet, limits)
    check_weight(text, limits)
    return Lora(name, unet, text)


def _weights(name: str, values: list[str]) -> tuple[float, float]:
    told: dict[str, float] = {}
    for place, value in zip(("unet", "te"), values, strict=False):
        key, equals, number = value.rpartition("=")
        weight = read_number(number)
        if weight is None or len(values) > 2 or (equals and key not in ("unet", "te")):
            refuse("bad_lora", f"The weight in <lora:{name}:…> is not a number.")
        told[key if equals else place] = weight
    unet = told.get("unet", told.get("te", 1.0))
    return unet, told.get("te", unet)
