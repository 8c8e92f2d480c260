"""One person's faces lie near each other, two people's do not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gpu_worker.faces import find_faces
from gpu_worker.identity import LENGTH, embed_face, robust_mean


def embedded(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return embed_face(pixels, find_faces(pixels)[0])


def test_the_same_person_in_other_light_and_size_stays_near(grace_hopper: Image.Image, astronaut: Image.Image) -> None:
    hopper, other = embedded(grace_hopper), embedded(astronaut)
    darker = embedded(Image.fromarray((np.asarray(grace_hopper) * 0.5).astype(np.uint8)).resize((300, 352)))
    assert hopper.shape == (LENGTH,)
    assert float(hopper @ darker) > 0.8
    assert float(hopper @ other) < 0.3


def test_a_face_at_the_edge_is_embedded_too(grace_hopper: Image.Image) -> None:
    face = find_faces(np.asarray(grace_hopper))[0]
    cut = embedded(grace_hopper.crop((0, round(face.y), 512, 600)))
    assert np.isfinite(cut).all()


def unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@given(st.integers(1, 12), st.data())
def test_the_shared_identity_is_the_majoritys(count: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    strangers = data.draw(st.integers(0, (count - 1) // 3))
    person = unit(rng.normal(size=LENGTH))
    alike = [unit(person + 0.05 * rng.normal(size=LENGTH)) for _ in range(count - strangers)]
    others = [unit(rng.normal(size=LENGTH)) for _ in range(strangers)]
    shared = robust_mean([*others, *alike])
    assert shared.dtype == np.float32
    assert abs(float(np.linalg.norm(shared)) - 1) < 1e-5
    assert float(shared @ person) > 0.8


def test_strangers_move_the_shared_identity_less_than_the_mean() -> None:
    person, stranger = np.eye(LENGTH, dtype=np.float32)[:2]
    shared = robust_mean([person, person, person, stranger])
    assert float(shared @ stranger) < 0.1 < float(unit(person * 3 + stranger) @ stranger)


def test_all_of_the_photos_count() -> None:
    """Between two equal identities the shared one lies in the middle."""
    one, other = np.eye(LENGTH, dtype=np.float32)[:2]
    assert np.allclose(robust_mean([one, other]), unit(one + other), atol=1e-5)
