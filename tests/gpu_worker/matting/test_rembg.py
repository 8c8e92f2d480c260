"""rembg's sessions on a network that the test writes itself: it answers with the brightness of each pixel."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from gpu_worker.errors import BadWeights
from gpu_worker.matting.rembg import RembgMatting


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protocol buffer: a number, a text or a message within."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def tensor(name: str, channels: int) -> bytes:
    """A float tensor (1, channels, any, any)."""
    sizes = [field(1, 1), field(1, channels), field(2, "height"), field(2, "width")]
    shape = b"".join(field(1, size) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def brightness() -> bytes:
    """An ONNX model of one node: the mean over the channels. Field numbers are those of onnx.proto."""
    ints, over = 7, field(1, "axes") + field(8, 1)
    node = field(1, "photo") + field(2, "answer") + field(4, "ReduceMean") + field(5, over + field(20, ints))
    graph = field(1, node) + field(2, "brightness") + field(11, tensor("photo", 3)) + field(12, tensor("answer", 1))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights with two models."""
    pytest.importorskip("rembg", reason="the extra `rembg` is not installed")
    folder = tmp_path_factory.mktemp("rembg")
    for model in ("u2net_custom", "isnet-general-use"):
        keep(folder / f"{model}.onnx", brightness())
    keep(folder / "u2net.onnx", b"not a network")
    return folder


def keep(file: Path, content: bytes) -> None:
    """The file and its hash, as sha256sum writes it."""
    file.write_bytes(content)
    file.with_name(f"{file.name}.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  {file.name}\n")


def lamp() -> np.ndarray:
    """A bright disc in the dark, wider than high."""
    y, x = np.mgrid[:90, :120]
    return np.where((np.hypot(x - 60, y - 45) < 25)[..., None], (250, 240, 230), (5, 10, 15)).astype(np.uint8)


@pytest.mark.parametrize("model", ["u2net_custom", "isnet-general-use"])
def test_the_networks_answer_is_the_alpha(folder: Path, model: str) -> None:
    matting = RembgMatting(model, str(folder))
    alpha = matting.alpha(lamp())
    inside = lamp()[..., 0] > 100
    assert alpha.shape == inside.shape
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert np.mean((alpha > 0.5) == inside) > 0.99
    assert matting.name == f"rembg/{model}"


def test_a_level_answer_is_nobody(folder: Path) -> None:
    assert RembgMatting("u2net_custom", folder).alpha(np.full((40, 40, 3), 90, np.uint8)).max() == 0


def test_no_network_is_said_so(folder: Path) -> None:
    with pytest.raises(BadWeights, match="not a network"):
        RembgMatting("u2net", folder)


def test_a_file_that_changed_is_not_run(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "u2net_custom.onnx").write_bytes(brightness() + b" ")
    with pytest.raises(BadWeights, match="has the SHA-256"):
        RembgMatting("u2net_custom", tmp_path)
    (tmp_path / "u2net_custom.onnx.sha256").unlink()
    with pytest.raises(BadWeights, match="says nothing"):
        RembgMatting("u2net_custom", tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=str(tmp_path / "birefnet-portrait.onnx")):
        RembgMatting("birefnet-portrait", tmp_path)
    with pytest.raises(BadWeights, match=r"rembg_weights/birefnet-portrait\.onnx"):
        RembgMatting("birefnet-portrait", None)


@pytest.mark.parametrize("model", ["bria-rmbg", "atlascloud", "../u2net", ""])
def test_other_models_are_not_offered(tmp_path: Path, model: str) -> None:
    with pytest.raises(BadWeights, match="not among"):
        RembgMatting(model, tmp_path)
