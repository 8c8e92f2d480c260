"""Subjects' weights and operators' files that lie: no code of theirs runs, nothing grows, the error names the file."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gpu_worker.errors import BadWeights
from gpu_worker.generate.engine import DTYPES, Resident
from gpu_worker.generate.subjects import Subject, hash_subject, read_subject
from gpu_worker.matting.pocket_network import MatteNetwork, load_network, save_network
from gpu_worker.weight_files import check_hash, face_weights, use_face_weights
from gpu_worker.weights import DIFFERENCE_FILE, LORA_FILE, TOKENS_FILE
from tests.gpu_worker.hostile_weights import files as hostile

CPU = torch.device("cpu")
UNET = "unet/diffusion_pytorch_model.safetensors"
BYTES = list(hostile.no_safetensors(Path("x")))
TENSORS = dict(hostile.unfit_tensors())


@pytest.fixture
def subject(trained: dict[str, Path], random_pocket: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A subject's folder of one's own, to spoil."""

    def copied(method: str) -> Path:
        folder = Path(shutil.copytree(trained["lora"], tmp_path / "subject"))
        if method in ("full", "difference"):
            (folder / LORA_FILE).unlink()
        if method == "full":
            shutil.copytree(random_pocket / "unet", folder / "unet")
        if method == "difference":
            base = load_file(random_pocket / UNET)
            save_file({f"unet.{name}": base[name].half() / 8 for name in base}, folder / DIFFERENCE_FILE)
        if method == "dora":
            _with_lengths(folder / LORA_FILE)
        if method == "tokens":
            save_file({"<s0>": torch.ones(32), "<s1>": torch.zeros(32)}, folder / TOKENS_FILE)
        return folder

    return copied


def _with_lengths(file: Path) -> None:
    """The LoRA as a DoRA, without the header that says that it is none."""
    held = load_file(file)
    for name in [name for name in held if name.endswith("up.weight")]:
        module = name.removesuffix(".lora.up.weight").removesuffix(".lora_linear_layer.up.weight")
        held[f"{module}.lora_magnitude_vector"] = torch.ones(len(held[name]))
    save_file(held, file)


@pytest.fixture
def base(random_pocket: Path) -> Resident:
    return Resident(str(random_pocket), None, CPU, DTYPES["fp32"])


def put_on(base: Resident, folder: Path) -> Subject:
    subject = read_subject(folder, hash_subject(folder))
    base.wear(subject)
    return subject


METHODS = {"lora": LORA_FILE, "full": UNET, "dora": LORA_FILE, "difference": DIFFERENCE_FILE, "tokens": TOKENS_FILE}


@pytest.mark.parametrize("method", METHODS)
def test_a_subject_as_trained_loads(base: Resident, subject: Callable[[str], Path], method: str) -> None:
    assert put_on(base, subject(method)).identifier


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wrong", BYTES)
def test_a_subject_of_no_safetensors(
    base: Resident, subject: Callable[[str], Path], canary: Path, method: str, wrong: str
) -> None:
    folder = subject(method)
    (folder / METHODS[method]).write_bytes(hostile.no_safetensors(canary)[wrong])
    with pytest.raises(BadWeights, match=str(folder)):
        put_on(base, folder)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"tokens"}))
@pytest.mark.parametrize("wrong", TENSORS)
def test_a_subject_whose_weights_do_not_fit(
    base: Resident, subject: Callable[[str], Path], method: str, wrong: str
) -> None:
    folder = subject(method)
    hostile.rewritten(folder / METHODS[method], TENSORS[wrong])
    with pytest.raises(BadWeights, match=str(folder)):
        put_on(base, folder)


@pytest.mark.parametrize(
    "held",
    [
        {"<s0>": torch.full((32,), float("nan"))},
        {"<s0>": torch.zeros(33)},
        {"<s0>": torch.zeros(10**6)},
        {"<s0>": torch.zeros(32, 32)},
        {"<s7>": torch.zeros(32)},
        {f"<s{number}>": torch.zeros(32) for number in range(9)},
        {},
    ],
    ids=["NaN", "too wide", "far too wide", "a matrix", "another name", "too many", "none at all"],
)
def test_new_tokens_that_do_not_fit(
    base: Resident, subject: Callable[[str], Path], held: dict[str, torch.Tensor]
) -> None:
    folder = subject("tokens")
    save_file(held, folder / TOKENS_FILE)
    with pytest.raises(BadWeights, match=str(folder)):
        put_on(base, folder)


@pytest.mark.parametrize("method", ["lora", "dora"])
def test_a_rank_beyond_all_sense(base: Resident, subject: Callable[[str], Path], method: str) -> None:
    folder = subject(method)

    def widen(held: dict[str, torch.Tensor]) -> None:
        for name in list(held):
            if "magnitude" not in name:
                repeats = (1, 100) if name.endswith("up.weight") else (100, 1)
                held[name] = held[name].repeat(repeats)

    held = load_file(folder / LORA_FILE)
    widen(held)
    save_file(held, folder / LORA_FILE)
    with pytest.raises(BadWeights, match="rank"):
        put_on(base, folder)


@pytest.mark.parametrize("wrong", [torch.ones(3), torch.ones(10**6), torch.ones(()), torch.full((16,), float("inf"))])
def test_lengths_that_do_not_fit(base: Resident, subject: Callable[[str], Path], wrong: torch.Tensor) -> None:
    folder = subject("dora")
    hostile.rewritten(
        folder / LORA_FILE, lambda held: held.update({next(name for name in held if "magnitude" in name): wrong})
    )
    with pytest.raises(BadWeights, match=str(folder)):
        put_on(base, folder)


@pytest.mark.parametrize(
    "told",
    [
        {"unet.use_dora": True},
        {"unet.use_dora": "yes"},
        {"unet.r": 10**9},
        {"unet.r": 2**62},
        {"unet.r": "4"},
        {"unet.lora_alpha": 1e308},
        {"unet.rank_pattern": {"to_q": 10**9}},
        {"unet.layer_replication": [[0, 10**9]]},
        {"unet.modules_to_save": ["conv_in"]},
        {"unet.auto_mapping": {"parent_library": "os", "base_model_class": "system"}},
        [],
    ],
)
def test_a_lora_whose_header_lies(base: Resident, subject: Callable[[str], Path], told: Any) -> None:
    folder = subject("lora")
    with safe_open(folder / LORA_FILE, framework="pt") as opened:
        before = opened.metadata()
    record = json.loads(before["lora_adapter_metadata"])
    after = record | told if isinstance(told, dict) else told
    save_file(load_file(folder / LORA_FILE), folder / LORA_FILE, before | {"lora_adapter_metadata": json.dumps(after)})
    with pytest.raises(BadWeights, match=str(folder)):
        put_on(base, folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[" * 100_000, '{"config": []}', '{"config": {"identifier": 3, "class_noun": []}}', "\0"]
)
def test_a_subject_with_a_broken_record(base: Resident, subject: Callable[[str], Path], text: str) -> None:
    folder = subject("lora")
    (folder / "training.json").write_text(text)
    with pytest.raises(BadWeights, match=str(folder)):
        put_on(base, folder)


def test_a_config_beside_full_weights_is_not_believed(base: Resident, subject: Callable[[str], Path]) -> None:
    folder = subject("full")
    hostile.edited("unet/config.json", block_out_channels=[2**20, 2**21], layers_per_block=10**6)(folder)
    assert put_on(base, folder)


def test_a_link_out_of_the_folder(base: Resident, subject: Callable[[str], Path], tmp_path: Path) -> None:
    folder = subject("lora")
    (folder / LORA_FILE).rename(tmp_path / "elsewhere.safetensors")
    (folder / LORA_FILE).symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(BadWeights, match="link"):
        put_on(base, folder)


@pytest.mark.parametrize("wrong", BYTES)
def test_a_matte_network_of_no_safetensors(tmp_path: Path, canary: Path, wrong: str) -> None:
    """Even when the hash beside it is right."""
    file = tmp_path / "matte.safetensors"
    save_network(MatteNetwork(), file, {})
    content = hostile.no_safetensors(canary)[wrong]
    file.write_bytes(content)
    with pytest.raises(BadWeights, match="SHA-256"):
        load_network(file)
    file.with_suffix(".json").write_text(json.dumps({"sha256": hashlib.sha256(content).hexdigest()}))
    with pytest.raises(BadWeights, match=str(file)):
        load_network(file)


def test_an_operators_file_without_its_hash(tmp_path: Path) -> None:
    (tmp_path / "face_detection_yunet.onnx").write_bytes(hostile.pickle_that_makes(tmp_path / "canary"))
    (tmp_path / "face_detection_yunet.onnx.sha256").write_bytes(b"\xff" * 10**7)
    use_face_weights(tmp_path)
    try:
        with pytest.raises(BadWeights, match="face_detection_yunet"):
            face_weights("face_detection_yunet")
    finally:
        use_face_weights(None)
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(BadWeights, match=r"folder\.onnx"):
        check_hash(tmp_path / "folder.onnx")
