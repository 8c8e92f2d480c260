"""What a customer may ask for: bounded, and refused with a reason otherwise."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gpu_worker.sampler_names import LCM_STEPS, NAMES
from photogen_tasks.params import LCM_STEPS as MOST_LCM_STEPS
from photogen_tasks.params import MAX_IMAGES, JobParams, Sampler
from photogen_tasks.stages import JobKind

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*JobParams.model_fields, "other"]), ANYTHING))
def test_anything_is_accepted_within_bounds_or_refused(body: dict[str, object]) -> None:
    try:
        params = JobParams.model_validate(body)
    except ValidationError:
        return
    assert len(params.prompts) * params.num_images_per_prompt <= MAX_IMAGES
    assert JobParams.model_validate(params.model_dump(mode="json")) == params


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        JobParams.model_validate({"steps": 10})


def test_a_job_cannot_ask_for_too_many_images() -> None:
    with pytest.raises(ValidationError, match="at most"):
        JobParams(prompts=("a {token}",) * 16, num_images_per_prompt=8)


@pytest.mark.parametrize("prompt", ["a \x00 b", "a \x1b[2J b", "a\nb"])
def test_control_characters_are_refused(prompt: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        JobParams(prompts=(prompt,))


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("{token} (tall:11)", "weight_out_of_range"),
        ("{token}" + "(" * 21, "nested_too_deep"),
        ("{token} <hypernet:a:1>", "unknown_tag"),
        ("{token} <lora:../a:1>", "bad_lora"),
        ("{token} [a:b:-1]", "step_out_of_range"),
        ("{token} AND " * 8 + "a", "too_many_parts"),
    ],
)
def test_a_prompt_that_cannot_be_drawn_is_refused_by_its_field(prompt: str, code: str) -> None:
    with pytest.raises(ValidationError, match=code) as refused:
        JobParams(prompts=("a {token}", prompt))
    assert refused.value.errors()[0]["loc"] == ("prompts", 1)


def test_a_prompt_may_be_long_but_not_longer() -> None:
    JobParams(prompts=("{token}" + "a" * 1993,))
    with pytest.raises(ValidationError, match="at most 2000"):
        JobParams(prompts=("{token}" + "a" * 1994,))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("negative_prompt", "(hat:99)"),
        ("negative_prompt", "<lora:film:1>"),
        ("negative_prompt", "a" * 2001),
        ("negative_prompt", "a\x00"),
        ("sampler", "heun"),
        ("num_inference_steps", 0),
        ("num_inference_steps", 151),
        ("guidance_scale", 0.5),
        ("guidance_scale", float("nan")),
        ("guidance_scale", 21),
        ("width", 56),
        ("width", 100),
        ("height", 1544),
        ("height", 2**70),
        ("style", "../demo"),
        ("hires", "perhaps"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_its_field(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        JobParams.model_validate({field: value})
    assert refused.value.errors()[0]["loc"] == (field,)


def test_samplers_are_those_that_draw() -> None:
    assert get_args(Sampler) == NAMES
    assert MOST_LCM_STEPS == LCM_STEPS


@pytest.mark.parametrize(
    "size", [{"width": 1536, "height": 1536}, {"width": 1024, "height": 1024, "hires": True}, {"hires": True}]
)
def test_a_size_may_be_large_but_not_larger(size: dict[str, Any]) -> None:
    JobParams(**size)
    with pytest.raises(ValidationError, match="width, height, hires"):
        JobParams(**(size | {"hires": True, "width": 1536}))


@pytest.mark.parametrize("kind", list(JobKind))
def test_every_kind_has_stages_in_river_order(kind: JobKind) -> None:
    stages = kind.stages
    assert list(stages) == sorted(stages, key=list(type(stages[0])).index)
