"""Embeddings of a lesson's prompts: who is asked for them and how often, and what no prompt is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_worker.base_models.family import load_base_model
from gpu_worker.train.embeddings import Embeddings
from tests.gpu_worker.base_models import tiny

PROMPTS = ["a photo of a person", "a red hat", ""]
Opened = Callable[[str], Any]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A small base model of the family of this name, with its own memory."""
    folders: dict[str, Path] = {}

    def open_one(family: str) -> Any:
        if family not in folders:
            folders[family] = tiny.seeded(getattr(tiny, family), tmp_path_factory.mktemp(family))
        return load_base_model(folders[family])

    return open_one


@pytest.mark.parametrize("learning", [False, True])
def test_no_prompt_is_what_sdxls_pipe_takes_for_it(opened: Opened, learning: bool) -> None:
    base = opened("stable_diffusion_xl")
    embeddings = Embeddings(base, PROMPTS, nothing=2)
    embeddings.follow(learning)
    found = embeddings.take(torch.tensor([2, 1, 2]))
    told, none, pooled, none_pooled = base.pipe().encode_prompt(["a red hat"], device="cpu")
    assert torch.equal(found.embeds[[0, 2]], none.repeat(2, 1, 1))
    assert torch.equal(found.pooled[[0, 2]], none_pooled.repeat(2, 1))
    assert torch.allclose(found.embeds[1], told[0], atol=1e-6)
    assert torch.allclose(found.pooled[1], pooled[0], atol=1e-6)


def test_no_prompt_is_the_empty_one_where_the_pipe_says_so(opened: Opened) -> None:
    base = opened("stable_diffusion_xl")
    base.zeros_for_no_prompt = False
    for model in (base, opened("stable_diffusion"), opened("stable_diffusion_3")):
        embeddings = Embeddings(model, PROMPTS, nothing=2)
        embeddings.follow(True)
        assert torch.equal(embeddings.take(torch.tensor([2])).embeds, model.encode_prompts([""]).embeds)


@pytest.mark.parametrize(("family", "t5"), [("stable_diffusion_3", "text_encoder_3"), ("flux", "text_encoder_2")])
def test_t5_is_asked_once_while_clip_learns(opened: Opened, family: str, t5: str) -> None:
    base = opened(family)
    asked: list[int] = []
    getattr(base, t5).register_forward_hook(lambda part, given, result: asked.append(len(given[0])))
    wanted = base.encode_prompts(PROMPTS)
    asked.clear()
    base.text_encoder.requires_grad_(True)
    embeddings = Embeddings(base, PROMPTS)
    embeddings.follow(True)
    for numbers in ([1, 0], [2, 2], [0]):
        found = embeddings.take(torch.tensor(numbers))
        assert torch.allclose(found.embeds, wanted.embeds[numbers], atol=1e-5)
        assert torch.allclose(found.pooled, wanted.pooled[numbers], atol=1e-5)
        assert found.pooled.requires_grad
    embeddings.follow(False)
    assert torch.allclose(embeddings.take(torch.tensor([1])).embeds, wanted.embeds[1:2], atol=1e-5)
    assert asked == [len(PROMPTS)]


def test_sd3_without_t5_learns_too(tmp_path: Path) -> None:
    base = load_base_model(tiny.seeded(lambda folder: tiny.stable_diffusion_3(folder, t5=False), tmp_path / "base"))
    embeddings = Embeddings(base, PROMPTS)
    embeddings.follow(True)
    found = embeddings.take(torch.tensor([1, 1])).embeds
    assert torch.equal(found[0], found[1])
    assert torch.allclose(found[:1], base.encode_prompts(PROMPTS[1:2]).embeds, atol=1e-6)
