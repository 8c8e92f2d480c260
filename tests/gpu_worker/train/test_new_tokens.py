"""New tokens: only they learn at first, other words mean what they meant, and diffusers reads the file."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from gpu_worker.base_models.family import BaseModel, load_base_model
from gpu_worker.base_models.networks import token_ids
from gpu_worker.train.new_tokens import open_new_tokens, save_new_tokens
from gpu_worker.weights import TOKENS_FILE, open_base_model
from tests.gpu_worker.base_models import tiny
from tests.gpu_worker.train.taught import config_of

PIVOTAL = config_of(method="pivotal", num_new_tokens=3)
PROMPT = PIVOTAL.prompt("a photo of a {identifier} {class_noun}")


@pytest.fixture
def base(random_pocket: Path) -> BaseModel:
    return open_base_model(str(random_pocket), None, torch.device("cpu"))


def test_the_identifier_becomes_the_tokens() -> None:
    assert PROMPT == "a photo of a <s0><s1><s2> person"
    assert config_of(method="lora").prompt("{token}") == "sks person"


def test_each_token_is_one_and_moves_the_embeddings(base: BaseModel) -> None:
    group = open_new_tokens(base, PIVOTAL)
    rows = group.parameters["text_encoder"]
    before = base.encode_prompts([PROMPT]).embeds
    before.sum().backward()
    assert rows.grad is not None
    assert (rows.grad.abs().sum(dim=1) > 0).all()
    rows.data[1] += 1
    after = base.encode_prompts([PROMPT]).embeds
    changed = (after - before).abs().sum(dim=2)[0] > 1e-6
    ids = base.tokenizer(PROMPT).input_ids
    assert len(ids) == len(base.tokenizer("a photo of a person").input_ids) + 3
    # The text encoder is causal: all before the second token is as it was.
    assert changed.nonzero().min() == ids.index(base.tokenizer.convert_tokens_to_ids("<s1>"))


def test_other_words_mean_what_they_meant(base: BaseModel) -> None:
    untouched = copy.deepcopy(base)
    open_new_tokens(base, PIVOTAL)
    prompts = ["a photo of a person", "sks in a red shirt", ""]
    assert torch.equal(base.encode_prompts(prompts).embeds, untouched.encode_prompts(prompts).embeds)


@pytest.mark.parametrize("told", ["as it is", "as old configs say"])
def test_the_pooled_embedding_stays_that_of_the_end(tmp_path: Path, told: str) -> None:
    base: Any = load_base_model(tiny.seeded(tiny.stable_diffusion_xl, tmp_path / "base"))
    clip, words = base.text_encoder_2, base.tokenizer_2
    if told == "as old configs say":
        clip.text_model.eos_token_id = 2
    before = base.encode_prompts(["a photo of a person"])
    open_new_tokens(base, PIVOTAL)
    after = base.encode_prompts(["a photo of a person", PROMPT])
    ids = token_ids(words, [PROMPT])
    end = ids[0].tolist().index(words.eos_token_id)
    assert torch.allclose(after.pooled[1], clip.text_projection(clip(ids).last_hidden_state[0, end]), atol=1e-6)
    assert torch.allclose(after.pooled[0], before.pooled[0], atol=1e-6)


def test_tokens_begin_by_the_seed(base: BaseModel) -> None:
    one, again, other = (
        open_new_tokens(copy.deepcopy(base), config_of(method="pivotal", seed=seed)).parameters["text_encoder"]
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_diffusers_reads_them(base: BaseModel, random_pocket: Path, tmp_path: Path) -> None:
    group = open_new_tokens(base, PIVOTAL)
    save_new_tokens(group, PIVOTAL, tmp_path)
    held = load_file(tmp_path / TOKENS_FILE)
    assert list(held) == ["<s0>", "<s1>", "<s2>"]
    pipe = StableDiffusionPipeline.from_pretrained(random_pocket, safety_checker=None)
    pipe.load_textual_inversion([{token: row} for token, row in held.items()], token=list(held))
    ids = pipe.tokenizer(PROMPT, padding="max_length", return_tensors="pt").input_ids
    with torch.no_grad():
        assert torch.allclose(pipe.text_encoder(ids)[0], base.encode_prompts([PROMPT]).embeds, atol=1e-5)
