"""Photos in, instance images out, or a sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gpu_worker.errors import BadPhotos
from gpu_worker.images import read_rgb
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos

Folders = tuple[Path, Path]
SAMPLES = Path("gpu_worker/base_models/pocket/people/samples")
ONE = PreprocessConfig(few_photos=True)


def refused(folders: Folders, config: PreprocessConfig = ONE) -> BadPhotos:
    with pytest.raises(BadPhotos) as caught:
        preprocess_photos(*folders, config)
    return caught.value


def put(folders: Folders, number: int, image: Image.Image, kind: str = "jpg") -> None:
    image.save(folders[0] / "photos" / f"{number:03d}-photo.{kind}", quality=92)


def put_samples(folders: Folders, *numbers: int) -> None:
    for place, number in enumerate(numbers, 1):
        (folders[0] / "photos" / f"{place:03d}-photo").write_bytes((SAMPLES / f"greta/photo-{number}.jpg").read_bytes())


def report(folders: Folders) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folders[1] / "report.json").read_text())
    return found


@pytest.mark.parametrize(("size", "side"), [((512, 600), 512), ((2048, 2400), 1024)])
def test_real_portraits_become_square_crops_on_the_face(
    stage_folders: Folders, grace_hopper: Image.Image, size: tuple[int, int], side: int
) -> None:
    put(stage_folders, 1, grace_hopper.resize(size))
    preprocess_photos(*stage_folders, ONE)
    assert read_rgb(stage_folders[1] / "instance" / "001.png").shape == (side, side, 3)
    (photo,) = report(stage_folders)["photos"]
    x, y, width, height = photo["face_in_crop"]
    assert 0.35 < x + width / 2 < 0.65
    assert 0.2 < y + height / 2 < 0.6
    assert height > 0.2
    assert photo["verdict"] == "accepted"


def test_one_of_five_is_held_out(stage_folders: Folders) -> None:
    put_samples(stage_folders, 1, 2, 3, 4, 5)
    lines: list[tuple[float, str]] = []
    preprocess_photos(*stage_folders, PreprocessConfig(), on_step=lambda p, line: lines.append((p, line)))
    instance, held_out = ({p.name for p in (stage_folders[1] / f).iterdir()} for f in ("instance", "held_out"))
    assert len(held_out) == 1
    assert instance | held_out == {f"{n:03d}.png" for n in range(1, 6)}
    assert lines[-1] == (1.0, "5 of 5 photos accepted")
    assert [progress for progress, _ in lines] == sorted(progress for progress, _ in lines)


def test_bad_photos_are_left_out_and_the_good_ones_go_on(stage_folders: Folders, coffee: Image.Image) -> None:
    put_samples(stage_folders, 1, 2, 3, 4)
    put(stage_folders, 5, coffee)
    preprocess_photos(*stage_folders, PreprocessConfig())
    told = report(stage_folders)
    assert [photo["verdict"] for photo in told["photos"]] == ["accepted"] * 4 + ["refused"]
    assert told["set"]["advice"].startswith("One of your five photos is without a face;")
    assert not (stage_folders[1] / "instance" / "005.png").exists()
    assert len(list((stage_folders[1] / "thumbnail").iterdir())) == 5


def test_every_refused_photo_is_named(stage_folders: Folders, grace_hopper: Image.Image, coffee: Image.Image) -> None:
    put(stage_folders, 1, grace_hopper)
    put(stage_folders, 2, coffee)
    (stage_folders[0] / "photos" / "003-notes.jpg").write_text("not an image")
    refusal = refused(stage_folders, PreprocessConfig(min_photos=2))
    assert refusal.code == "too_few_photos"
    assert refusal.sentence.startswith("We can use 1 of 3 photos and need 2.")
    assert "We found no face in photo 2." in refusal.sentence
    assert "Photo 3 is not a whole JPEG" in refusal.sentence
    assert not (stage_folders[1] / "instance").exists()
    assert [photo["verdict"] for photo in report(stage_folders)["photos"]] == ["accepted", "refused", "refused"]
    with Image.open(stage_folders[1] / "photos.jpg") as sheet:
        assert sheet.height > 600


def test_one_reason_for_all_is_the_jobs_code(stage_folders: Folders, grace_hopper: Image.Image) -> None:
    both = Image.fromarray(np.hstack([np.asarray(grace_hopper)] * 2))
    put(stage_folders, 1, both)
    put(stage_folders, 2, both)
    assert refused(stage_folders).code == "several_people"


def test_someone_in_the_background_is_not_the_subject(
    stage_folders: Folders, grace_hopper: Image.Image, astronaut: Image.Image
) -> None:
    put(stage_folders, 1, Image.fromarray(np.hstack([np.asarray(astronaut), np.asarray(grace_hopper)[:512]])))
    preprocess_photos(*stage_folders, ONE)
    (photo,) = report(stage_folders)["photos"]
    assert photo["crop"]["x"] == 512


def test_other_scales_come_where_the_photo_has_the_pixels(stage_folders: Folders, grace_hopper: Image.Image) -> None:
    put(stage_folders, 1, grace_hopper.resize((2048, 2400)))
    preprocess_photos(*stage_folders, PreprocessConfig(few_photos=True, more_scales=("close", "half_body")))
    names = {path.name for path in (stage_folders[1] / "instance").iterdir()}
    assert names == {"001.png", "001-close.png"}
    assert report(stage_folders)["photos"][0]["more_scales"] == ["close"]


def test_no_photo_and_too_many_are_refused_before_any_is_opened(stage_folders: Folders) -> None:
    nothing = refused(stage_folders, PreprocessConfig())
    assert (nothing.code, nothing.sentence) == ("too_few_photos", "We got no photos and need 4.")
    for number in (1, 2):
        (stage_folders[0] / "photos" / f"{number}").write_text("never opened")
    assert refused(stage_folders, PreprocessConfig(max_photos=1, min_photos=1)).code == "too_many_photos"
    assert list(stage_folders[1].iterdir()) == []


def test_too_few_photos_are_judged_all_the_same(stage_folders: Folders, coffee: Image.Image) -> None:
    put_samples(stage_folders, 1, 2)
    put(stage_folders, 3, coffee)
    refusal = refused(stage_folders, PreprocessConfig())
    assert refusal.code == "too_few_photos"
    assert refusal.sentence == "We can use 2 of 3 photos and need 4. We found no face in photo 3."
    told = report(stage_folders)
    assert [photo["verdict"] for photo in told["photos"]] == ["accepted", "accepted", "refused"]
    assert told["set"]["advice"] == "One of your three photos is without a face; add two good ones."
    assert (stage_folders[1] / "photos.jpg").is_file()
    assert not (stage_folders[1] / "instance").exists()


def test_one_bad_photo_of_just_enough_gives_its_code(stage_folders: Folders) -> None:
    put_samples(stage_folders, 1, 2, 3)
    with Image.open(SAMPLES / "greta/photo-4.jpg") as photo:
        put(stage_folders, 4, photo.filter(ImageFilter.GaussianBlur(4)))
    refusal = refused(stage_folders, PreprocessConfig())
    assert refusal.code == "blurry"
    assert "The face in photo 4 is blurred." in refusal.sentence


def test_different_people_refuse_the_set_whatever_else_is_wrong(
    stage_folders: Folders, grace_hopper: Image.Image, astronaut: Image.Image, coffee: Image.Image
) -> None:
    for number, photo in enumerate((grace_hopper, astronaut, coffee), 1):
        put(stage_folders, number, photo)
    refusal = refused(stage_folders)
    assert refusal.code == "other_person"
    assert refusal.sentence == (
        "Your photos show different people: one in photo 1, another in photo 2. We found no face in photo 3."
    )
    told = report(stage_folders)["set"]
    assert told["verdict"] == "refused"
    assert told["advice"] == "Your photos show different people; send one person's photos."


def test_what_on_step_raises_stops_the_stage(stage_folders: Folders, grace_hopper: Image.Image) -> None:
    class Cancelled(Exception):
        pass

    def cancel(progress: float, line: str) -> None:
        raise Cancelled

    put(stage_folders, 1, grace_hopper)
    with pytest.raises(Cancelled):
        preprocess_photos(*stage_folders, ONE, on_step=cancel)
