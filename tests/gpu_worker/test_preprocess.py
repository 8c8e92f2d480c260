"""Photos in, instance images out, or a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker.errors import BadPhotos
from gpu_worker.images import read_rgb
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos

Folders = tuple[Path, Path]


def refused(folders: Folders, config: PreprocessConfig | None = None) -> BadPhotos:
    with pytest.raises(BadPhotos) as caught:
        preprocess_photos(*folders, config or PreprocessConfig())
    return caught.value


def put(folders: Folders, number: int, image: Image.Image, kind: str = "jpg") -> None:
    image.save(folders[0] / "photos" / f"{number:03d}-photo.{kind}", quality=92)


def test_real_portraits_become_square_crops_on_the_face(
    stage_folders: Folders, grace_hopper: Image.Image, astronaut: Image.Image
) -> None:
    put(stage_folders, 1, grace_hopper)
    put(stage_folders, 2, astronaut, "png")
    put(stage_folders, 3, grace_hopper.resize((2048, 2400)))
    lines: list[tuple[float, str]] = []
    preprocess_photos(*stage_folders, PreprocessConfig(), on_step=lambda p, line: lines.append((p, line)))
    outputs = stage_folders[1]
    sides = [len(read_rgb(p)) for p in sorted((outputs / "instance").iterdir())]
    assert sides == pytest.approx([512, 456, 1024], abs=2)
    assert not list((outputs / "held_out").iterdir())
    photos = json.loads((outputs / "report.json").read_text())["photos"]
    assert [photo["verdict"] for photo in photos] == ["accepted"] * 3
    for photo in photos:
        x, y, width, height = photo["face_in_crop"]
        assert 0.35 < x + width / 2 < 0.65
        assert 0.2 < y + height / 2 < 0.6
        assert height > 0.2
    assert [progress for progress, _ in lines] == pytest.approx([1 / 3, 2 / 3, 1])


def test_one_of_five_is_held_out(stage_folders: Folders, grace_hopper: Image.Image) -> None:
    for number in range(1, 6):
        put(
            stage_folders,
            number,
            Image.fromarray((np.asarray(grace_hopper) * (0.5 + number / 10)).astype("u1")),
        )
    preprocess_photos(*stage_folders, PreprocessConfig())
    instance, held_out = ({p.name for p in (stage_folders[1] / f).iterdir()} for f in ("instance", "held_out"))
    assert len(instance) == 4
    assert len(held_out) == 1
    assert instance | held_out == {f"{n:03d}.png" for n in range(1, 6)}


def test_every_refused_photo_is_named(stage_folders: Folders, grace_hopper: Image.Image, coffee: Image.Image) -> None:
    put(stage_folders, 1, grace_hopper)
    put(stage_folders, 2, coffee)
    (stage_folders[0] / "photos" / "003-notes.jpg").write_text("not an image")
    refusal = refused(stage_folders)
    assert refusal.code == "no_face"
    assert "We found no face in photo 2." in refusal.sentence
    assert "Photo 3 is not a whole JPEG" in refusal.sentence
    assert not list(stage_folders[1].iterdir())


def test_two_people_of_one_size_are_ambiguous(stage_folders: Folders, grace_hopper: Image.Image) -> None:
    both = Image.fromarray(np.hstack([np.asarray(grace_hopper)] * 2))
    put(stage_folders, 1, both)
    assert refused(stage_folders, PreprocessConfig(min_photos=1)).code == "several_people"


def test_someone_in_the_background_is_not(
    stage_folders: Folders, grace_hopper: Image.Image, astronaut: Image.Image
) -> None:
    put(stage_folders, 1, Image.fromarray(np.hstack([np.asarray(astronaut), np.asarray(grace_hopper)[:512]])))
    preprocess_photos(*stage_folders, PreprocessConfig(min_photos=1))
    (photo,) = json.loads((stage_folders[1] / "report.json").read_text())["photos"]
    assert photo["crop"]["x"] == 512


def test_a_tiny_face_is_too_small(stage_folders: Folders, astronaut: Image.Image) -> None:
    put(stage_folders, 1, astronaut.resize((256, 256)))
    assert refused(stage_folders, PreprocessConfig(min_photos=1)).code == "photo_too_small"


def test_counts_are_checked_first(stage_folders: Folders, grace_hopper: Image.Image) -> None:
    assert refused(stage_folders).code == "too_few_photos"
    put(stage_folders, 1, grace_hopper)
    put(stage_folders, 2, grace_hopper)
    assert refused(stage_folders, PreprocessConfig(min_photos=1, max_photos=1)).code == "too_many_photos"


def test_what_on_step_raises_stops_the_stage(stage_folders: Folders, grace_hopper: Image.Image) -> None:
    class Cancelled(Exception):
        pass

    def cancel(progress: float, line: str) -> None:
        raise Cancelled

    put(stage_folders, 1, grace_hopper)
    with pytest.raises(Cancelled):
        preprocess_photos(*stage_folders, PreprocessConfig(min_photos=1), on_step=cancel)
