"""What is no diffusers folder of safetensors is told so, with the way to make one; nothing is opened for it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gpu_worker.base_models.folders import check_folder, is_pocket, pipe_of
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.errors import BadWeights


@pytest.fixture
def folder(random_pocket: Path, tmp_path: Path) -> Path:
    """A base model of one's own, to spoil."""
    return Path(shutil.copytree(random_pocket, tmp_path / "base"))


def other_weights(folder: Path, part: str, name: str) -> None:
    """As older tools wrote them; nobody may look inside."""
    for file in (folder / part).glob("*.safetensors"):
        file.unlink()
    (folder / part / name).write_bytes(b"\x80\x04never read")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("unet", "diffusion_pytorch_model.bin"),
        ("vae", "diffusion_pytorch_model.ckpt"),
        ("text_encoder", "pytorch_model.bin"),
        ("text_encoder", "model.msgpack"),
    ],
)
def test_other_weights_are_named_with_the_way_out(folder: Path, part: str, name: str) -> None:
    other_weights(folder, part, name)
    with pytest.raises(BadWeights, match=rf"{part} has weights in {Path(name).suffix}.*safetensors.*save_pretrained"):
        check_folder(str(folder))


def test_other_weights_beside_safetensors_do_no_harm(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"never read")
    check_folder(str(folder))


def test_what_we_do_not_open_may_be_as_it_is(folder: Path) -> None:
    """Published folders have a safety checker in a pickle, and exports for other programs."""
    for part in ("safety_checker", "vae_decoder"):
        (folder / part).mkdir()
    (folder / "safety_checker" / "pytorch_model.bin").write_bytes(b"never read")
    (folder / "vae_decoder" / "model.onnx").write_bytes(b"never read")
    index = folder / "model_index.json"
    told = json.loads(index.read_text()) | {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
    index.write_text(json.dumps(told))
    check_folder(str(folder))


def single_checkpoint(folder: Path) -> Path:
    (folder / "v1-5-pruned.ckpt").write_bytes(b"never read")
    return folder


def single_file(folder: Path) -> Path:
    path = folder / "model.safetensors"
    path.write_bytes(b"never read")
    return path


@pytest.mark.parametrize("make", [single_checkpoint, single_file, lambda folder: folder])
def test_one_file_is_no_folder(make: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"diffusers folder.*from_single_file"):
        check_folder(str(make(tmp_path)))


@pytest.mark.parametrize("source", ["/nowhere/at/all", "./here", "../there", "a/b/c", "", ".."])
def test_a_path_to_nothing_is_told_at_once(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "a" / "b"
    empty.mkdir(parents=True)
    monkeypatch.chdir(empty)
    with pytest.raises(BadWeights, match=r"no folder|no model_index"):
        check_folder(source)


@pytest.mark.parametrize("source", ["stabilityai/stable-diffusion-xl-base-1.0", "gpt2"])
def test_repositories_of_the_hub_are_left_to_it(source: str) -> None:
    check_folder(source)


def test_a_folder_tells_its_pipe(folder: Path, tmp_path: Path) -> None:
    assert pipe_of(str(folder)) == "StableDiffusionPipeline"
    assert pipe_of(str(tmp_path / "none")) is pipe_of("owner/name") is None


@pytest.mark.parametrize("told", [None, "", "[]", "{}", "[" * 100_000, "\0", " " * (1024 * 1024 + 1)])
def test_a_folder_that_says_nothing_tells_no_pipe(tmp_path: Path, told: str | None) -> None:
    if told is not None:
        (tmp_path / "model_index.json").write_text(told)
    assert pipe_of(str(tmp_path)) == ""


def test_ours_are_known_by_their_folder(folder: Path) -> None:
    assert is_pocket(str(WEIGHTS))
    assert not is_pocket("owner/name")
    assert not is_pocket(str(folder))
    (folder / "pocket.json").write_text("{}")
    assert is_pocket(str(folder))
