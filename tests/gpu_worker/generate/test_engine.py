"""The resident engine: what stays loaded, what is thrown out, and that no subject leaves a trace."""

import gc
import json
import os
import resource
import shutil
import threading
from itertools import combinations
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gpu_worker.errors import BadWeights
from gpu_worker.generate.changes import Layer
from gpu_worker.generate.engine import SUBJECTS, Engine, Resident
from gpu_worker.generate.lora_files import read_lora
from gpu_worker.generate.named_loras import NamedLora
from gpu_worker.prompt_language import Lora, parse
from gpu_worker.weights import DIFFERENCE_FILE, LORA_FILE, RECORD, TOKENS_FILE

CPU = torch.device("cpu")


@pytest.fixture
def resident(random_pocket: Path) -> Resident:
    return Resident(str(random_pocket), None, CPU, torch.float32)


def targets(resident: Resident, part: str, ends: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    modules = getattr(resident.base, part).named_modules()
    return {name: tuple(module.weight.shape) for name, module in modules if name.endswith(ends)}


def write_subject(folder: Path, resident: Resident, seed: int, text: bool = False) -> Path:
    """A LoRA of random numbers as a training writes it."""
    generator = torch.Generator().manual_seed(seed)
    names = {f"unet.{k}.lora": v for k, v in targets(resident, "unet", ("to_q", "to_v")).items()}
    if text:
        of_text = targets(resident, "text_encoder", ("q_proj", "v_proj"))
        names |= {f"text_encoder.{k}.lora_linear_layer": v for k, v in of_text.items()}
    tensors = {}
    for name, (outputs, inputs) in names.items():
        tensors[f"{name}.down.weight"] = torch.randn(2, inputs, generator=generator)
        tensors[f"{name}.up.weight"] = torch.randn(outputs, 2, generator=generator)
    folder.mkdir(parents=True)
    save_file(tensors, folder / LORA_FILE)
    (folder / RECORD).write_text(json.dumps({"config": {"identifier": "zwx", "class_noun": "man"}}))
    return folder


def with_tokens(folder: Path, seed: int) -> Path:
    """Beside its weights what the identifier means."""
    rows = torch.randn(2, 32, generator=torch.Generator().manual_seed(seed))
    save_file({"<s0>": rows[0].clone(), "<s1>": rows[1].clone()}, folder / TOKENS_FILE)
    return folder


def write_difference(folder: Path, resident: Resident, value: float) -> Path:
    """Whole weights of both parts by difference, as a training writes them."""
    folder.mkdir(parents=True)
    named = [(part, getattr(resident.base, part).state_dict()) for part in ("unet", "text_encoder")]
    tensors = {f"{part}.{name}": torch.full(held[name].shape, value).half() for part, held in named for name in held}
    save_file(tensors, folder / DIFFERENCE_FILE)
    (folder / RECORD).write_text(json.dumps({"config": {"identifier": "zwx", "class_noun": "man"}}))
    return folder


def state(resident: Resident) -> list[torch.Tensor]:
    parts = (resident.base.denoiser, resident.base.text_encoder)
    return [tensor.clone() for part in parts for tensor in part.state_dict().values()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(map(torch.equal, one, other))


def test_a_base_model_is_loaded_once(random_pocket: Path) -> None:
    engine = Engine()
    with engine.base_model(str(random_pocket), None) as first:
        pass
    with engine.base_model(str(random_pocket), None) as again:
        assert again is first
    assert engine.held() == [first.sha256]


def test_the_one_used_least_lately_goes(random_pocket: Path, tmp_path: Path) -> None:
    folders = [shutil.copytree(random_pocket, tmp_path / name) for name in "abc"]
    with Engine().base_model(str(random_pocket), None) as held:
        budget = int(2.5 * held.bytes)
    engine = Engine(budget)
    for number in (0, 1, 0, 2):
        with engine.base_model(str(folders[number]), None):
            pass
    with engine.base_model(str(folders[0]), None) as kept:
        assert len(engine.held()) == 2
    with engine.base_model(str(folders[1]), None), engine.base_model(str(folders[0]), None) as still:
        assert still is kept


def test_a_base_model_larger_than_the_budget_is_still_loaded(random_pocket: Path, tmp_path: Path) -> None:
    other = shutil.copytree(random_pocket, tmp_path / "other")
    engine = Engine(budget=1)
    for folder in (random_pocket, other):
        with engine.base_model(str(folder), None):
            assert len(engine.held()) == 1


def test_weights_that_changed_on_disk_are_loaded_anew(random_pocket: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(random_pocket, tmp_path / "base")
    engine = Engine()
    with engine.base_model(str(folder), None) as before:
        pass
    os.utime(folder / "unet/diffusion_pytorch_model.safetensors", (1, 1))
    with engine.base_model(str(folder), None) as after:
        assert after is not before


def test_one_thread_at_a_time(random_pocket: Path) -> None:
    engine, order = Engine(), []
    inside, leave = threading.Event(), threading.Event()

    def warm() -> None:
        with engine.base_model(str(random_pocket), None):
            inside.set()
            leave.wait(30)
            order.append("warm-up")

    thread = threading.Thread(target=warm)
    thread.start()
    assert inside.wait(30)
    threading.Timer(0.1, leave.set).start()
    with engine.base_model(str(random_pocket), None):
        order.append("stage")
    thread.join()
    assert order == ["warm-up", "stage"]


def test_subjects_come_and_go_without_a_trace(resident: Resident, tmp_path: Path) -> None:
    engine, bare = Engine(), state(resident)
    ann, bob = (engine.subject(write_subject(tmp_path / n, resident, s, text=True)) for s, n in enumerate(("a", "b")))
    resident.wear(ann)
    as_ann = state(resident)
    assert not same(as_ann, bare)
    resident.wear(bob)
    assert not same(state(resident), as_ann)
    resident.wear(ann)
    assert same(state(resident), as_ann)
    resident.wear(None)
    assert same(state(resident), bare)


def test_prompts_are_encoded_for_the_one_who_changed_the_text_encoder(resident: Resident, tmp_path: Path) -> None:
    engine = Engine()
    face = engine.subject(write_subject(tmp_path / "face", resident, 1))
    words = engine.subject(write_subject(tmp_path / "words", resident, 2, text=True))
    text = parse("a photo").parts[0].schedule(1)[0].text
    resident.wear(None)
    plain = resident.encoder.encode([text])[0]
    resident.wear(face)
    assert resident.encoder.encode([text])[0] is plain
    resident.wear(words)
    assert not torch.equal(resident.encoder.encode([text])[0].hidden, plain.hidden)
    resident.wear(None)
    assert resident.encoder.encode([text])[0] is plain


def test_whole_weights_by_difference(resident: Resident, tmp_path: Path) -> None:
    engine, bare = Engine(), state(resident)
    subject = engine.subject(write_difference(tmp_path / "a", resident, 0.25))
    resident.wear(subject)
    assert same(state(resident), [tensor + 0.25 for tensor in bare])
    resident.wear(subject, (NamedLora(Lora("subject", 0.5, 0.0)),))
    assert same(resident_part(resident, "unet"), [tensor + 0.125 for tensor in bare[: len(unet_names(resident))]])
    assert same(resident_part(resident, "text_encoder"), bare[len(unet_names(resident)) :])
    resident.wear(engine.subject(write_subject(tmp_path / "b", resident, 1, text=True)))
    resident.wear(None)
    assert same(state(resident), bare)


def resident_part(resident: Resident, part: str) -> list[torch.Tensor]:
    return [*getattr(resident.base, part).state_dict().values()]


def unet_names(resident: Resident) -> list[str]:
    return [*resident.base.denoiser.state_dict()]


def test_weights_of_a_whole_model_leave_no_room_for_others(resident: Resident, tmp_path: Path) -> None:
    engine = Engine()
    small = write_subject(tmp_path / "small", resident, 1)
    before = engine.subject(small)
    engine.subject(write_difference(tmp_path / "large", resident, 0.1))
    assert engine.subject(small) is not before


def test_an_identifier_means_each_subjects_own_tokens(resident: Resident, tmp_path: Path) -> None:
    """Beside the same LoRA of the unet alone; what was encoded for one is never shown to the other."""
    engine = Engine()
    ann, bob = (with_tokens(write_subject(tmp_path / name, resident, 1), seed) for seed, name in enumerate(("a", "b")))
    text = parse("a photo of a zwx man").parts[0].schedule(1)[0].text
    shown = []
    for subject in (None, engine.subject(ann), engine.subject(bob), None, engine.subject(ann), engine.subject(bob)):
        resident.wear(subject)
        shown.append(resident.encoder.encode([text])[0].hidden)
    assert all(later is first for later, first in zip(shown[3:], shown[:3], strict=True))  # encoded once
    assert not any(torch.equal(one, other) for one, other in combinations(shown[:3], 2))


def test_tokens_that_do_not_fit_leave_the_base_model_bare(resident: Resident, tmp_path: Path) -> None:
    bare, engine = state(resident), Engine()
    resident.wear(engine.subject(with_tokens(write_subject(tmp_path / "a", resident, 1), 1)))
    folder = write_subject(tmp_path / "b", resident, 2)
    save_file({"<s0>": torch.zeros(33)}, folder / TOKENS_FILE)
    with pytest.raises(BadWeights, match="33 wide"):
        resident.wear(engine.subject(folder))
    assert same(state(resident), bare)


def test_a_subject_is_read_once_and_the_oldest_forgotten(resident: Resident, tmp_path: Path) -> None:
    engine = Engine()
    folders = [write_subject(tmp_path / str(seed), resident, seed) for seed in range(SUBJECTS + 1)]
    subjects = [engine.subject(folder) for folder in folders]
    assert engine.subject(folders[-1]) is subjects[-1]
    assert engine.subject(folders[0]) is not subjects[0]
    moved = shutil.copytree(folders[-1], tmp_path / "fetched again")
    assert engine.subject(moved) is subjects[-1]


def test_a_weakened_subject(resident: Resident, tmp_path: Path) -> None:
    subject = Engine().subject(write_subject(tmp_path / "a", resident, 1))
    layer = subject.layers[0]
    weight = resident.base.denoiser.get_submodule(layer.module).weight
    before = weight.clone()
    resident.wear(subject, (NamedLora(Lora("subject", 0.25, 1.0)),))
    torch.testing.assert_close(weight, before + 0.25 * layer.scale * layer.up @ layer.down)


def test_a_misfit_leaves_the_base_model_bare(resident: Resident, tmp_path: Path) -> None:
    bare, subject = state(resident), Engine().subject(write_subject(tmp_path / "a", resident, 1))
    resident.wear(subject)
    wrong = Layer("unet", "conv_in", torch.zeros(1, 1), torch.zeros(1, 1), 1.0)
    with pytest.raises(BadWeights, match="conv_in"):
        resident.wear(subject, (NamedLora(Lora("film", 1.0, 1.0), (1, 1), (wrong,)),))
    assert same(state(resident), bare)


def test_thousands_of_swaps_take_no_memory(resident: Resident, tmp_path: Path) -> None:
    engine = Engine()
    folders = [write_subject(tmp_path / str(seed), resident, seed) for seed in range(SUBJECTS + 4)]
    for seed, folder in enumerate(folders[::2]):
        with_tokens(folder, seed)

    def swap(times: int) -> int:
        for number in range(times):
            resident.wear(engine.subject(folders[number % len(folders)]))
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = swap(100)
    assert swap(2000) - before < 8 * 2**20  # bytes; every one of them is read from its file


def test_names_of_other_trainers(resident: Resident, tmp_path: Path) -> None:
    """What kohya's trainer calls the layers of an SD 1.x unet, alpha beside rank."""
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors = {
        f"{stem}.lora_down.weight": torch.ones(4, 16),
        f"{stem}.lora_up.weight": torch.ones(16, 4),
        f"{stem}.alpha": torch.tensor(2.0),
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": torch.ones(2, 32),
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight": torch.ones(32, 2),
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha": torch.tensor(2.0),
    }
    feed_forward = stem.replace("attn1_to_q", "ff_net_0_proj")
    tensors |= {
        f"{feed_forward}.lora_down.weight": torch.ones(4, 16),
        f"{feed_forward}.lora_up.weight": torch.ones(64, 4),
        f"{feed_forward}.alpha": torch.tensor(1.0),
    }
    save_file(tensors, tmp_path / "film.safetensors")
    layers = {layer.module: layer for layer in read_lora(tmp_path / "film.safetensors")}
    inner = "down_blocks.0.attentions.0.transformer_blocks.0"
    scales = {f"{inner}.attn1.to_q": 0.5, f"{inner}.ff.net.0.proj": 0.25, "encoder.layers.0.self_attn.q_proj": 1.0}
    assert {module: layer.scale for module, layer in layers.items()} == scales
    text = layers["encoder.layers.0.self_attn.q_proj"]
    resident.wear(None, (NamedLora(Lora("film", 1.0, 1.0), (1, 1), (text,)),))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning")  # torch's own compiler
def test_a_compiled_unet_draws_the_same_and_wears_subjects(random_pocket: Path, tmp_path: Path) -> None:
    plain, compiled = (Resident(str(random_pocket), None, CPU, torch.float32, compiled=c) for c in (False, True))
    subject = Engine().subject(write_subject(tmp_path / "a", plain, 1))
    latents, hidden = torch.randn(1, 4, 16, 16), torch.randn(1, 77, 32)
    for worn in (None, subject, None):
        shown = []
        for each in (plain, compiled):
            each.wear(worn)
            with torch.no_grad():
                shown.append(each.base.denoiser(latents, 500, hidden, return_dict=False)[0])
        torch.testing.assert_close(*shown, atol=1e-4, rtol=1e-4)
