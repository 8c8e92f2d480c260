"""Other people's readers get back what was drawn, whatever a prompt holds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sd_parsers import ParserManager
from sd_parsers.data import PromptInfo
from sd_parsers.parsers import AUTOMATIC1111Parser

from gpu_worker.provenance import BaseModelUsed, Drawn, MadeBy, write_image
from gpu_worker.provenance.infotext import infotext, number, settled
from tests.gpu_worker.provenance.conftest import DRAWN, MADE_BY

PARSER = AUTOMATIC1111Parser()
FORM = (
    "Negative prompt:",
    "\nNegative prompt: no",
    "Steps: 1, Sampler: x, Seed: 2, CFG scale: 3",
    "\nSteps: 1, Seed: 2",
)
SIGNS = ("\n", "\r\n", '"', "\\", ", ", ": ", "\0", "\x85", "\u2028", "<lora:", "Hashes: {}")
HOSTILE = st.lists(st.one_of(st.text(max_size=12), st.sampled_from(FORM + SIGNS)), max_size=8).map("".join)


def read(text: str) -> PromptInfo:
    return PARSER.parse({"parameters": text})


def with_(**changes: Any) -> Drawn:
    return DRAWN.model_copy(update=changes)


def last_line(drawn: Drawn, made_by: MadeBy = MADE_BY) -> str:
    return infotext(drawn, made_by).split("\n")[-1]


def test_the_form() -> None:
    assert infotext(DRAWN, MADE_BY) == (
        "a photo of a (zwx woman:1.2), snow\n"
        "Negative prompt: blurry, (ugly:1.3)\n"
        "Steps: 20, Sampler: DPM++ 2M Karras, Schedule type: Karras, CFG scale: 7.5, Seed: 4294967295, Size: 64x48, "
        "Model hash: 0123456789, Model: pocket, Version: Photogen 0.1.0"
    )


@pytest.mark.parametrize("prompt", [DRAWN.prompt, "Zoë in der Straße", "東京の写真, 夜", "one\ntwo\n\nthree", ""])
def test_a_file_is_read_back(tmp_path: Path, prompt: str) -> None:
    write_image(np.zeros((48, 64, 3), np.uint8), tmp_path / "001.png", with_(prompt=prompt), MADE_BY)
    found = ParserManager().parse(tmp_path / "001.png")
    assert found is not None
    (sampler,) = found.samplers
    assert (found.full_prompt, found.full_negative_prompt) == (prompt, DRAWN.negative_prompt)
    assert (sampler.name, sampler.parameters["scheduler"]) == ("DPM++ 2M Karras", "Karras")
    told = {"steps": "20", "cfg_scale": "7.5", "seed": "4294967295"}
    assert told.items() <= sampler.parameters.items()
    assert sampler.model is not None
    assert (sampler.model.name, sampler.model.hash) == ("pocket", "0123456789")
    assert {"Size": "64x48", "Version": "Photogen 0.1.0"}.items() <= found.metadata.items()


@given(HOSTILE, HOSTILE)
@settings(max_examples=150)
def test_no_prompt_can_pass_for_settings(prompt: str, negative: str) -> None:
    found = read(infotext(with_(prompt=prompt, negative_prompt=negative), MADE_BY))
    assert (found.full_prompt, found.full_negative_prompt) == (settled(prompt), settled(negative))
    assert found.samplers[0].parameters["seed"] == "4294967295"
    assert found.samplers[0].parameters["steps"] == "20"


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Z"))))
def test_settling_leaves_ordinary_prompts_alone(prompt: str) -> None:
    assert settled(prompt) == prompt
    assert settled(f" {prompt}\r\n") == prompt


def test_only_its_own_words_are_changed() -> None:
    assert settled("a Negative prompt: of\0a\tphoto \n x") == "a Negative prompt : of a photo\nx"


def test_a_second_pass_and_other_work_are_told() -> None:
    line = last_line(
        with_(hires_scale=1.5, hires_strength=0.45, faces_redrawn=2, upscaled=4, width=768, first_width=128)
    )
    assert "Denoising strength: 0.45, Hires upscale: 1.5, Faces redrawn: 2, Upscaled: 4" in line
    assert "Size: 128x48" in line
    assert "Image size: 768x48" in line


@pytest.mark.parametrize("tag", ["<lora:film:0.6>", "<lora:film>", "<lora: film :0.6:1>"])
def test_loras_of_this_image_are_told(tag: str) -> None:
    drawn = with_(prompt=f"{tag} a photo of a woman")
    assert f'Lora hashes: "film: {"f" * 10}", Version' in last_line(drawn)
    both = last_line(with_(prompt=f"{tag} <lora:fog:1>"))
    assert f'Lora hashes: "film: {"f" * 10}, fog: {"0" * 10}", Version' in both


def test_values_with_the_forms_own_signs_are_quoted() -> None:
    name = 'people, "best": v2'
    made_by = MADE_BY.model_copy(update={"base_model": BaseModelUsed(name=name, sha256="people@main")})
    line = last_line(DRAWN, made_by)
    assert "Model hash" not in line  # the hub's revision is no hash of a file
    start = line.index("Model: ") + len("Model: ")
    assert json.JSONDecoder().raw_decode(line, start)[0] == name
    assert read(infotext(DRAWN, made_by)).samplers[0].parameters["seed"] == "4294967295"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value(value: float) -> None:
    assert float(number(value)) == value
    assert not number(value).endswith(".0")
