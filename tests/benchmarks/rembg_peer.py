"""The stage `matte` on rembg's sessions against rembg itself: the same network, the same weights, the same photos.

Pocket's matte network, written as ONNX, stands in for one of the large ones, so what is compared is the work around the
network: reading, alphas, foreground colours, files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from PIL import Image
from torch import nn

from gpu_worker.matte import MatteConfig, matte_photos
from gpu_worker.matting.pocket import WEIGHTS
from gpu_worker.matting.pocket_network import load_network
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos
from photogen_tasks.demo import CUSTOMER, sample_customers

MODEL = "u2net_custom"  # rembg's session for any network of U²-Net's input and output
SIDE = 320  # px that it feeds
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # that it takes off, ImageNet's
PAIRS = 7


class AsU2Net(nn.Module):
    """The network behind U²-Net's input, float (1, 3, 320, 320) less MEAN over STD; alphas (1, 1, 320, 320)."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        alpha: torch.Tensor = self.network((photo * self.std + self.mean) * 2 - 1).sigmoid()
        return alpha


def write_onnx(folder: Path) -> Path:
    """folder/MODEL.onnx with its hash beside it, as the backend asks."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{MODEL}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the new exporter wants two packages more
        torch.onnx.export(AsU2Net(load_network(WEIGHTS)), (torch.zeros(1, 3, SIDE, SIDE),), str(file), dynamo=False)
    file.with_name(f"{file.name}.sha256").write_text(hashlib.sha256(file.read_bytes()).hexdigest())
    return file


def against_rembg(folder: Path) -> None:
    """Print photos per second of both, in alternation, and the median of the pairs' ratios with their spread."""
    from rembg import remove

    file = write_onnx(folder / "onnx")
    inputs = _preprocessed(folder)
    photos = [Image.open(path).convert("RGB") for path in sorted((inputs / "preprocess" / "instance").glob("*.png"))]
    session = _session(file)
    peers: dict[str, dict[str, Any]] = {"rembg, its alpha matting": {"alpha_matting": True}, "rembg, mask only": {}}
    for name, options in peers.items():

        def peer(options: dict[str, Any] = options) -> None:
            _all_of(photos, lambda photo: remove(photo, session=session, **options))

        _alternate(name, len(photos), lambda: _ours(inputs, file.parent), peer)


def _session(file: Path) -> Any:
    """rembg's own, which reads weights nowhere but in its home."""
    from rembg import new_session

    with mock.patch.dict(os.environ, {"U2NET_HOME": str(file.parent)}):
        return new_session(MODEL, model_path=str(file))


def _preprocessed(folder: Path) -> Path:
    inputs = folder / "rembg"
    shutil.rmtree(inputs, ignore_errors=True)
    (inputs / "photos").mkdir(parents=True)
    for path in sorted((sample_customers() / CUSTOMER).glob("*.jpg")):
        shutil.copy(path, inputs / "photos")
    preprocess_photos(inputs, inputs / "preprocess", PreprocessConfig())
    return inputs


def _ours(inputs: Path, weights: Path) -> None:
    config = MatteConfig(matting="rembg", rembg_model=MODEL, rembg_weights=str(weights))
    with tempfile.TemporaryDirectory() as outputs:
        matte_photos(inputs, Path(outputs), config)


def _all_of(photos: Sequence[Image.Image], cut: Callable[[Image.Image], Any]) -> None:
    with tempfile.TemporaryDirectory() as outputs:
        for number, photo in enumerate(photos):
            cut(photo).save(Path(outputs) / f"{number}.png")


def _alternate(name: str, count: int, ours: Callable[[], None], peer: Callable[[], None]) -> None:
    ours()  # libraries compile and load at first use; that is neither's time
    peer()
    pairs = [(_seconds(ours), _seconds(peer)) for _ in range(PAIRS)]
    ratios = sorted(theirs / own for own, theirs in pairs)
    own, theirs = (count / statistics.median(side) for side in zip(*pairs, strict=True))
    told = f"matte {own:.2f} photos/s, {name} {theirs:.2f}: {statistics.median(ratios):.2f} times as fast"
    print(f"{told} ({ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
