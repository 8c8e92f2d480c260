"""Who may sell images of which base model: what we were not told, nobody."""

import json
from pathlib import Path

import pytest

from gpu_worker.base_models.licences import UNKNOWN_LICENCE, licence_of


@pytest.mark.parametrize(
    ("source", "name", "commercial_use"),
    [
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", "creativeml-openrail-m", True),
        ("stabilityai/stable-diffusion-xl-base-1.0", "openrail++", True),
        ("stabilityai/stable-diffusion-3-medium-diffusers", "stabilityai-ai-community", False),
        ("black-forest-labs/FLUX.1-dev", "flux-1-dev-non-commercial-license", False),
        ("black-forest-labs/FLUX.1-schnell", "apache-2.0", True),
    ],
)
def test_published_ones(source: str, name: str, commercial_use: bool) -> None:
    licence = licence_of(source)
    assert (licence.name, licence.commercial_use) == (name, commercial_use)


def test_others_may_not_be_sold(tmp_path: Path) -> None:
    assert licence_of("somebody/mix") == licence_of(str(tmp_path)) == UNKNOWN_LICENCE
    assert not UNKNOWN_LICENCE.commercial_use


def test_a_folder_speaks_for_itself(tmp_path: Path) -> None:
    (tmp_path / "base_model.json").write_text(json.dumps({"licence": "bought", "commercial_use": True}))
    assert licence_of(str(tmp_path)).name == "bought"
    assert licence_of(str(tmp_path)).commercial_use
