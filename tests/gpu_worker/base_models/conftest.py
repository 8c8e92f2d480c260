"""One folder of each family for all tests here."""

from pathlib import Path

import pytest

from gpu_worker.base_models.family import BaseModel, load_base_model
from tests.gpu_worker.base_models import tiny

FAMILIES = {
    "stable_diffusion": tiny.stable_diffusion,
    "stable_diffusion_xl": tiny.stable_diffusion_xl,
    "stable_diffusion_3": tiny.stable_diffusion_3,
    "flux": tiny.flux,
}


@pytest.fixture(scope="session", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small base model, of each family in turn; only to be read."""
    return tiny.seeded(FAMILIES[request.param], tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def base(family: Path) -> BaseModel:
    """Loaded once; only to be looked at."""
    return load_base_model(family)
