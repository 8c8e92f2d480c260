"""The command that times train steps makes each step that it names."""

from gpu_worker.base_models.pocket.architecture import SHAPES
from gpu_worker.base_models.pocket.speeds import lines, seconds, unet_step, vae_step
from tests.gpu_worker.base_models.pocket.conftest import TINY


def test_every_shape_has_a_line_for_its_unet_and_two_for_its_vae() -> None:
    names = lines(compiled=False)
    for shape in SHAPES:
        assert {f"unet {shape}", f"vae {shape}, whole", f"vae {shape}, part"} <= set(names)


def test_a_step_can_be_timed() -> None:
    assert min(seconds(unet_step(TINY, batch=2), 1)) > 0
    assert min(seconds(vae_step(TINY, 16, batch=2), 1)) > 0
