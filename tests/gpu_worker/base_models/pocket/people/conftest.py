"""The drawer for tests: present or, outside CI, skipped with the reason."""

import os

import pytest


@pytest.fixture(scope="session")
def drawer() -> None:
    """Fail in CI and skip elsewhere when the mesh or EGL is missing."""
    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa's own threads only get in the way at these sizes
    from gpu_worker.base_models.pocket.people.renderer import renderer

    try:
        renderer()
    except Exception as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"drawing needs the mesh and EGL: {error}")
