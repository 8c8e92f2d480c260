"""One person's faces lie near each other, two people's do not."""

import numpy as np
from PIL import Image

from gpu_worker.faces import find_faces
from gpu_worker.identity import LENGTH, embed_face


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
