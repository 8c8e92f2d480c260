"""Real portraits for the stages' tests: public-domain photos that lie inside wheels."""

from pathlib import Path

import pytest
from matplotlib import cbook
from PIL import Image
from skimage import data

from gpu_worker.base_models.pocket.architecture import build


@pytest.fixture(scope="session")
def grace_hopper() -> Image.Image:
    """512 x 600, a face of 213 px."""
    path = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    with Image.open(str(path)) as image:
        return image.convert("RGB")


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """512 x 512, a face of 114 px."""
    return Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]  # no stubs upstream


@pytest.fixture(scope="session")
def coffee() -> Image.Image:
    """A cup, and nobody."""
    return Image.fromarray(data.coffee())  # type: ignore[no-untyped-call]  # no stubs upstream


@pytest.fixture(scope="session")
def random_pocket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model that was never trained, as a diffusers folder."""
    return build(0, tmp_path_factory.mktemp("pocket"))


@pytest.fixture
def stage_folders(tmp_path: Path) -> tuple[Path, Path]:
    """An `inputs` folder with an empty photos/ and an empty `outputs`."""
    inputs, outputs = tmp_path / "inputs", tmp_path / "outputs"
    (inputs / "photos").mkdir(parents=True)
    outputs.mkdir()
    return inputs, outputs
