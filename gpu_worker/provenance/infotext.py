"""The `parameters` text of an image, in the form that AUTOMATIC1111's web UI writes and many programs read.

Written from its documented form; nothing is read back here, and no file is written.
"""

import json
import re
import unicodedata

from gpu_worker.provenance.record import Drawn, MadeBy

NEGATIVE = "Negative prompt:"
SHORT = 10  # characters of a SHA-256 by which model sites find a file
SHA256 = re.compile(r"[0-9a-f]{64}")
QUOTED = re.compile(r'[,:"\n]')  # a value with one of these stands as a JSON string
LORA_ENDS = re.compile(r"[:>]")
KARRAS = "Karras"


def infotext(drawn: Drawn, made_by: MadeBy) -> str:
    """Prompt, negative prompt and one line of settings.

    `Size` is the first pass', as programs that draw again from the text expect; `Image size` the file's, if it differs.
    """
    lines = [settled(drawn.prompt), *_negative(drawn.negative_prompt), _settings(drawn, made_by)]
    return "\n".join(line for line in lines if line)


def settled(prompt: str) -> str:
    """A prompt as its readers give it back: lines without blanks around them, and no control character.

    The form has no escape for its own `Negative prompt:`; a prompt with these words gets a blank before the colon.
    """
    plain = "".join(sign if sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cs") else " " for sign in prompt)
    plain = plain.replace(NEGATIVE, f"{NEGATIVE[:-1]} :")
    return "\n".join(line.strip() for line in plain.split("\n")).strip()


def loras_of(drawn: Drawn, made_by: MadeBy) -> dict[str, str]:
    """Those of the run's LoRAs that this image's prompt names: name → SHA-256."""
    named = {LORA_ENDS.split(rest, maxsplit=1)[0].strip() for rest in drawn.prompt.split("<lora:")[1:]}
    return {name: found for name, found in made_by.loras.items() if name in named}


def number(value: float) -> str:
    """The shortest text of the same value: 7, not 7.0."""
    return str(int(value)) if value == int(value) else repr(float(value))


def _negative(prompt: str) -> list[str]:
    text = settled(prompt)
    return [f"{NEGATIVE} {text}"] if text else []


def _settings(drawn: Drawn, made_by: MadeBy) -> str:
    told: dict[str, str | None] = {
        "Steps": str(drawn.num_inference_steps),
        "Sampler": drawn.sampler,
        "Schedule type": KARRAS if drawn.sampler.endswith(KARRAS) else None,
        "CFG scale": number(drawn.guidance_scale),
        "Seed": str(drawn.seed),
        "Size": f"{drawn.first_width or drawn.width}x{drawn.first_height or drawn.height}",
        **_model(made_by),
        **_passes(drawn),
        "Lora hashes": _lora_hashes(drawn, made_by),
        "Version": f"Photogen {made_by.photogen}",
    }
    return ", ".join(f"{key}: {_quoted(value)}" for key, value in told.items() if value)


def _model(made_by: MadeBy) -> dict[str, str | None]:
    found = made_by.base_model.sha256
    return {"Model hash": found[:SHORT] if SHA256.fullmatch(found) else None, "Model": made_by.base_model.name}


def _passes(drawn: Drawn) -> dict[str, str | None]:
    """What was done beyond the first pass. The face pass has a key of its own: others' keys name others' methods."""
    strength, scale = drawn.hires_strength, drawn.hires_scale
    second = scale is not None
    return {
        "Denoising strength": number(strength) if second and strength is not None else None,
        "Hires upscale": number(scale) if scale is not None else None,
        "Faces redrawn": str(drawn.faces_redrawn) if drawn.faces_redrawn else None,
        "Upscaled": str(drawn.upscaled) if drawn.upscaled > 1 else None,
        "Image size": f"{drawn.width}x{drawn.height}" if drawn.first_width not in (None, drawn.width) else None,
    }


def _lora_hashes(drawn: Drawn, made_by: MadeBy) -> str | None:
    return ", ".join(f"{name}: {found[:SHORT]}" for name, found in loras_of(drawn, made_by).items()) or None


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if QUOTED.search(value) else value
