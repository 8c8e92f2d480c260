"""Base models that lie: no code of theirs runs, nothing hangs or grows, and the error names the folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gpu_worker.errors import BadWeights
from gpu_worker.weights import open_base_model
from tests.gpu_worker.hostile_weights import files as hostile

CPU = torch.device("cpu")
UNET = "unet/diffusion_pytorch_model.safetensors"
WORDS = "text_encoder/model.safetensors"
BYTES = list(hostile.no_safetensors(Path("x")))
TENSORS = dict(hostile.unfit_tensors())


@pytest.fixture
def folder(random_pocket: Path, tmp_path: Path) -> Path:
    """A base model of one's own, to spoil."""
    return Path(shutil.copytree(random_pocket, tmp_path / "base"))


def test_the_canary_sings(tmp_path: Path) -> None:
    """Unpickled for real, by a process of its own, the file does what the tests below look for."""
    code = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
    told = hostile.pickle_that_makes(tmp_path / "sung")
    subprocess.run([sys.executable, "-c", code], input=told, check=False)
    assert (tmp_path / "sung").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("file", [UNET, WORDS, "vae/diffusion_pytorch_model.safetensors"])
@pytest.mark.parametrize("wrong", BYTES)
def test_a_base_model_of_no_safetensors(folder: Path, canary: Path, file: str, wrong: str) -> None:
    (folder / file).write_bytes(hostile.no_safetensors(canary)[wrong])
    with pytest.raises(BadWeights, match=str(folder)):
        open_base_model(str(folder), None, CPU)


@pytest.mark.parametrize("file", [UNET, WORDS])
@pytest.mark.parametrize("wrong", sorted(set(TENSORS) - {"one too many"}))
def test_a_base_model_whose_weights_do_not_fit(folder: Path, file: str, wrong: str) -> None:
    hostile.rewritten(folder / file, TENSORS[wrong])
    with pytest.raises(BadWeights, match=str(folder)):
        open_base_model(str(folder), None, CPU)


def test_an_extra_weight_or_another_type_of_number_is_no_harm(folder: Path) -> None:
    """Published models have both; the network takes what it knows, in its own type."""
    hostile.rewritten(folder / UNET, lambda held: held.update(more=torch.zeros(3)))
    hostile.rewritten(folder / WORDS, lambda held: held.update({name: held[name].double() for name in held}))
    base = open_base_model(str(folder), None, CPU)
    assert next(base.text_encoder.parameters()).dtype == torch.float32


def _weights_as(name: str, part: str, weights: str) -> Callable[[Path], hostile.Change]:
    """Only weights in a pickle, under the name that older tools give them."""

    def with_canary(canary: Path) -> hostile.Change:
        def change(folder: Path) -> None:
            (folder / part / weights).unlink()
            (folder / part / name).write_bytes(hostile.pickle_that_makes(canary))

        return change

    return with_canary


def _shards(name: str, part: str, weights: str) -> Callable[[Path], hostile.Change]:
    return lambda canary: hostile.shards_that_are(hostile.pickle_that_makes(canary), part, weights, name)


def _always(change: hostile.Change) -> Callable[[Path], hostile.Change]:
    return lambda canary: change


UNET_CONFIG, WORDS_CONFIG = "unet/config.json", "text_encoder/config.json"
FOLDERS: dict[str, Callable[[Path], hostile.Change]] = {
    "unet .bin": _weights_as("diffusion_pytorch_model.bin", "unet", Path(UNET).name),
    "unet .ckpt": _weights_as("model.ckpt", "unet", Path(UNET).name),
    "unet .pt": _weights_as("model.pt", "unet", Path(UNET).name),
    "text encoder .bin": _weights_as("pytorch_model.bin", "text_encoder", Path(WORDS).name),
    "shards of .bin": _shards("evil.bin", "unet", Path(UNET).name),
    "shards of .pt": _shards("evil.pt", "text_encoder", Path(WORDS).name),
    "shards of a false .safetensors": _shards("evil.safetensors", "text_encoder", Path(WORDS).name),
    "shards elsewhere": _shards("../evil.safetensors", "unet", Path(UNET).name),
    "code in a part": lambda canary: hostile.code_beside(canary, "unet/diffusers.py"),
    "code that the index names": lambda canary: hostile.code_beside(
        canary, "unet/evil.py", ["evil", "UNet2DConditionModel"]
    ),
    "a function for a part": _always(hostile.edited("model_index.json", unet=["os", "system"])),
    "an index that is a list": _always(hostile.written("model_index.json", "[]")),
    "an index of lists in lists": _always(hostile.written("model_index.json", "[" * 100_000)),
    "an index that is no JSON": _always(hostile.written("model_index.json", "\0")),
    "a config that is a list": _always(hostile.written(UNET_CONFIG, "[]")),
    "a config of words": _always(hostile.edited(UNET_CONFIG, block_out_channels="wide")),
    "channels without end": _always(hostile.edited(UNET_CONFIG, block_out_channels=[2**20, 2**21])),
    "blocks without end": _always(hostile.edited(UNET_CONFIG, layers_per_block=10**6)),
    "a text encoder without end": _always(hostile.edited(WORDS_CONFIG, num_hidden_layers=10**7)),
    "words without end": _always(hostile.edited(WORDS_CONFIG, vocab_size=2**40)),
    "a width below nothing": _always(hostile.edited(WORDS_CONFIG, hidden_size=-(2**40))),
    "steps without end": _always(hostile.edited("scheduler/scheduler_config.json", num_train_timesteps=10**12)),
    "a licence that is a list": _always(hostile.written("base_model.json", "[]")),
    "a pipe for weights": _always(hostile.fifo(UNET)),
    "a pipe for a config": _always(hostile.fifo(UNET_CONFIG)),
}


@pytest.mark.parametrize("wrong", FOLDERS)
def test_a_base_model_with_a_hostile_file(folder: Path, canary: Path, wrong: str) -> None:
    FOLDERS[wrong](canary)(folder)
    if wrong == "code in a part":
        (folder / UNET).unlink()
    with pytest.raises(BadWeights, match=str(folder)):
        open_base_model(str(folder), None, CPU)
