"""Subjects put on and taken off: exact, complete, without a trace."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_worker.errors import BadWeights
from gpu_worker.generate.changes import Change, Difference, Layer
from gpu_worker.generate.merging import Merged


class Network(torch.nn.Module):
    """One layer of each kind that LoRA touches."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(6, 4)
        self.conv = torch.nn.Conv2d(3, 5, 3)


def linear(seed: int, scale: float = 0.5) -> Layer:
    generator = torch.Generator().manual_seed(seed)
    down, up = (torch.randn(*shape, generator=generator) for shape in ((2, 6), (4, 2)))
    return Layer("unet", "linear", down.half(), up.half(), scale)


def convolution(seed: int) -> Layer:
    generator = torch.Generator().manual_seed(seed)
    down, up = (torch.randn(*shape, generator=generator) for shape in ((2, 3, 3, 3), (5, 2, 1, 1)))
    return Layer("unet", "conv", down, up, 1.0)


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_lora_adds_its_product() -> None:
    network = Network()
    before, layer = weights(network), linear(1)
    Merged({"unet": network}).wear([(layer, 0.8)])
    wanted = before["linear.weight"] + 0.8 * 0.5 * layer.up.float() @ layer.down.float()
    torch.testing.assert_close(network.linear.weight.detach(), wanted)
    assert torch.equal(network.conv.weight, before["conv.weight"])


def test_a_convolution_is_changed_as_two_in_a_row_would() -> None:
    network, layer = Network(), convolution(1)
    pixels = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        low = torch.nn.functional.conv2d(pixels, layer.down)
        wanted = network.conv(pixels) + torch.nn.functional.conv2d(low, layer.up)
        Merged({"unet": network}).wear([(layer, 1.0)])
        torch.testing.assert_close(network.conv(pixels), wanted, atol=1e-5, rtol=1e-5)


def test_several_loras_add_up() -> None:
    network = Network()
    before, one, two = weights(network), linear(1), linear(2)
    Merged({"unet": network}).wear([(one, 1.0), (two, -0.5)])
    change = 0.5 * (one.up.float() @ one.down.float()) - 0.25 * (two.up.float() @ two.down.float())
    torch.testing.assert_close(network.linear.weight.detach(), before["linear.weight"] + change)


def dora(layer: Layer, magnitude: torch.Tensor) -> Layer:
    return replace(layer, magnitude=magnitude)


def differences(seed: int = 0) -> list[Difference]:
    generator = torch.Generator().manual_seed(seed)
    held = weights(Network())
    return [Difference("unet", name, torch.randn(held[name].shape, generator=generator).half()) for name in held]


def test_dora_gives_each_output_a_length_of_its_own() -> None:
    network, layer = Network(), linear(1)
    turned = network.linear.weight.detach() + 0.5 * layer.up.float() @ layer.down.float()
    lengths = torch.tensor([[1.0], [2.0], [0.0], [-1.0]])
    Merged({"unet": network}).wear([(dora(layer, lengths), 1.0)])
    torch.testing.assert_close(network.linear.weight.norm(dim=1), lengths[:, 0].abs())
    torch.testing.assert_close(network.linear.weight.detach(), turned / turned.norm(dim=1, keepdim=True) * lengths)


def test_dora_by_input_as_other_trainers_have_it() -> None:
    network, layer = Network(), convolution(1)
    lengths = torch.rand(1, 3, 1, 1) + 0.5
    Merged({"unet": network}).wear([(dora(layer, lengths), 1.0)])
    torch.testing.assert_close(network.conv.weight.transpose(0, 1).flatten(1).norm(dim=1), lengths[0, :, 0, 0])


def test_a_weaker_dora_goes_part_of_the_way_and_others_add_up() -> None:
    network, other = Network(), Network()
    before, layer = weights(network), dora(linear(1), torch.full((4, 1), 3.0))
    Merged({"unet": other}).wear([(layer, 1.0)])
    whole = other.linear.weight.detach() - before["linear.weight"]
    Merged({"unet": network}).wear([(layer, 0.25), (linear(2), 1.0)])
    wanted = before["linear.weight"] + 0.25 * whole + 0.5 * linear(2).up.float() @ linear(2).down.float()
    torch.testing.assert_close(network.linear.weight.detach(), wanted)


def test_lengths_of_a_weight_that_is_nothing() -> None:
    network = Network()
    with torch.no_grad():
        network.linear.weight.zero_()
    nothing = Layer("unet", "linear", torch.zeros(2, 6), torch.zeros(4, 2), 1.0, torch.ones(4, 1))
    Merged({"unet": network}).wear([(nothing, 1.0)])
    assert not network.linear.weight.any()


def test_a_difference_is_added_to_every_weight() -> None:
    network = Network()
    before = weights(network)
    Merged({"unet": network}).wear([(each, 0.5) for each in differences()])
    wanted = {each.name: before[each.name] + 0.5 * each.added.float() for each in differences()}
    assert set(wanted) == set(before)
    assert same(weights(network), wanted)


@pytest.mark.parametrize("wrong", ["one is missing", "another shape", "nowhere"])
def test_a_difference_that_does_not_fit_changes_nothing(wrong: str) -> None:
    network = Network()
    before, worn = weights(network), differences()
    if wrong == "one is missing":
        worn.pop()
    else:
        name = "nowhere" if wrong == "nowhere" else "linear.bias"
        worn[-1] = Difference("unet", name, torch.zeros(3))
    with pytest.raises(BadWeights):
        Merged({"unet": network}).wear([(each, 1.0) for each in worn])
    assert same(weights(network), before)


WORN = ["nobody", "a", "b", "conv", "full", "dora", "difference"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(WORN), min_size=1, max_size=12))
def test_what_was_worn_before_leaves_no_trace(history: list[str]) -> None:
    """Whatever was worn in between: each is bit by bit what it is on a fresh base model."""
    full = {f"unet.{name}": torch.full_like(tensor, 0.5).half() for name, tensor in weights(Network()).items()}
    worn: dict[str, list[tuple[Change, float]]] = {
        "nobody": [],
        "a": [(linear(1), 1.0)],
        "b": [(linear(2), 0.3)],
        "conv": [(convolution(3), 1.0)],
        "full": [],
        "dora": [(dora(linear(4), torch.ones(4, 1)), 0.7), (dora(convolution(5), torch.ones(5, 1, 1, 1)), 1.0)],
        "difference": [(each, 1.0) for each in differences(6)],
    }
    used = Network()
    merged = Merged({"unet": used})
    for name in history:
        merged.wear(worn[name], full if name == "full" else None)
        fresh = Network()
        Merged({"unet": fresh}).wear(worn[name], full if name == "full" else None)
        assert same(weights(used), weights(fresh))


def test_thousands_of_swaps_need_no_more_memory() -> None:
    network = Network()
    before, merged = weights(network), Merged({"unet": network})
    lengths = torch.ones(5, 1, 1, 1)
    subjects = [[(linear(seed), 1.0), (dora(convolution(seed), lengths), 1.0)] for seed in range(8)]
    merged.wear(subjects[0])
    kept = merged.bytes
    for swap in range(4000):
        merged.wear(subjects[swap % 8])
    assert merged.bytes == kept == before["linear.weight"].nbytes + before["conv.weight"].nbytes
    merged.wear()
    assert same(weights(network), before)


@pytest.mark.parametrize(
    "layer",
    [
        Layer("unet", "nowhere", torch.zeros(2, 6), torch.zeros(4, 2), 1.0),
        Layer("vae", "linear", torch.zeros(2, 6), torch.zeros(4, 2), 1.0),
        Layer("unet", "linear", torch.zeros(2, 7), torch.zeros(4, 2), 1.0),
        Layer("unet", "conv", torch.zeros(2, 3, 1, 1), torch.zeros(5, 2, 1, 1), 1.0),
    ],
)
def test_what_does_not_fit_changes_nothing(layer: Layer) -> None:
    network = Network()
    merged = Merged({"unet": network})
    merged.wear([(linear(1), 1.0)])
    before = weights(network)
    with pytest.raises(BadWeights):
        merged.wear([(linear(2), 1.0), (layer, 1.0)])
    assert same(weights(network), before)


def test_full_weights_must_fit() -> None:
    merged = Merged({"unet": Network()})
    whole = {f"unet.{name}": tensor for name, tensor in weights(Network()).items()}
    part = {name: tensor for name, tensor in whole.items() if "conv" not in name}
    for full in (part, whole | {"unet.linear.weight": torch.zeros(2, 2)}, whole | {"unet.nowhere": torch.zeros(2)}):
        with pytest.raises(BadWeights):
            merged.wear((), full)
