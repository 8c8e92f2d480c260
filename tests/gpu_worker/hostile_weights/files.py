"""Files that lie about being weights, as bytes and as folders; nothing is opened or judged here."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

Change = Callable[[Path], object]


def pickle_that_makes(canary: Path) -> bytes:
    """Protocol 0, by hand: whoever unpickles it runs os.mkdir(canary)."""
    return f"cos\nmkdir\n(V{canary}\ntR.".encode()


def framed(header: bytes, data: bytes = b"", claimed: int | None = None) -> bytes:
    """A safetensors file of these parts; `claimed` is the header's length as told."""
    return struct.pack("<Q", len(header) if claimed is None else claimed) + header + data


def _tensor(shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


def no_safetensors(canary: Path) -> dict[str, bytes]:
    """Bytes that no reader may take for weights, by what is wrong with them."""
    two = {"a": _tensor([2], 0, 8), "b": _tensor([2], 4, 12)}
    huge = {"a": _tensor([2**33, 2**33], 0, 0)}
    many = b",".join(b'"k%d":"v"' % number for number in range(10**5))
    return {
        "a pickle": pickle_that_makes(canary),
        "empty": b"",
        "a header of 2^63 bytes": framed(b"{}", claimed=2**63),
        "a header longer than the file": framed(b"{}", claimed=10**6),
        "tensors beyond the file": framed(json.dumps({"a": _tensor([10**9], 0, 4 * 10**9)}).encode(), bytes(16)),
        "overlapping tensors": framed(json.dumps(two).encode(), bytes(12)),
        "a shape whose product overflows": framed(json.dumps(huge).encode()),
        "lists in lists": framed(b"[" * 100_000 + b"]" * 100_000),
        "objects in objects": framed(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        "much JSON and no tensor": framed(b'{"__metadata__":{' + many + b"}}"),
        "no UTF-8": framed(b"\xff\xfe{}"),
    }


def rewritten(file: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """The file with its tensors changed; its header's own words stay."""
    with safe_open(file, framework="pt") as opened:
        told = opened.metadata()
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata=told)


def _first(tensors: dict[str, torch.Tensor]) -> str:
    return min(name for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.dim() > 1)


def _fill(value: float) -> Callable[[dict[str, torch.Tensor]], object]:
    return lambda tensors: tensors[_first(tensors)].fill_(value)


def _replace(made: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[dict[str, torch.Tensor]], object]:
    return lambda tensors: tensors.update({(name := _first(tensors)): made(tensors[name])})


def unfit_tensors() -> Iterator[tuple[str, Callable[[dict[str, torch.Tensor]], object]]]:
    """Well-formed files whose tensors are not what they should be."""
    yield "NaN", _fill(float("nan"))
    yield "inf", _fill(float("inf"))
    yield "another shape", _replace(lambda tensor: torch.zeros(3, 3))
    yield "a scalar", _replace(lambda tensor: torch.zeros(()))
    yield "no elements", _replace(lambda tensor: torch.zeros(0, 4))
    yield "one too few", lambda tensors: tensors.pop(_first(tensors))
    yield "one too many", lambda tensors: tensors.update(more=torch.zeros(3))
    yield "none at all", lambda tensors: tensors.clear()


def edited(file: str, **values: Any) -> Change:
    """Change a folder's JSON file."""

    def change(folder: Path) -> None:
        told = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps(told | values))

    return change


def written(file: str, text: str) -> Change:
    return lambda folder: (folder / file).write_text(text)


def fifo(file: str) -> Change:
    """A pipe that nobody writes to: whoever opens it waits for ever."""

    def change(folder: Path) -> None:
        (folder / file).unlink()
        os.mkfifo(folder / file)

    return change


def shards_that_are(content: bytes, part: str, weights: str, name: str) -> Change:
    """The part's weights in another file, named by a list of shards."""

    def change(folder: Path) -> None:
        (folder / part / weights).unlink()
        (folder / part / Path(name).name).write_bytes(content)
        told = {"metadata": {"total_size": 1}, "weight_map": {"conv_in.weight": name}}
        (folder / part / f"{weights}.index.json").write_text(json.dumps(told))

    return change


def code_beside(canary: Path, file: str, index: list[str] | None = None) -> Change:
    """A module of Python in the folder, which model_index.json may name."""

    def change(folder: Path) -> None:
        (folder / file).write_text(
            f"import os\nos.mkdir({str(canary)!r})\nfrom diffusers import UNet2DConditionModel\n"
        )
        if index:
            edited("model_index.json", unet=index)(folder)

    return change
