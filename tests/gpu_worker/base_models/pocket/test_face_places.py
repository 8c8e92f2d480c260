"""Where faces are: boxes from landmarks, masks from boxes, both in a mirror."""

import numpy as np
import pytest
import torch

from gpu_worker.base_models.pocket.face_places import face_boxes, face_masks, known, mirrored

LANDMARKS = {"forehead": (50, 20, True), "chin": (50, 80, True), "left cheek": (80, 50, True)}
ROW = {"landmarks": LANDMARKS | {"right cheek": (20, 50, False), "left ear": (99, 50, True)}}


def test_a_box_spans_the_face_and_a_little_more() -> None:
    box = face_boxes([ROW], 100)[0]
    assert box.tolist() == pytest.approx([0.152, 0.152, 0.848, 0.848], abs=1e-6)


def test_a_row_without_landmarks_has_no_face() -> None:
    boxes = torch.from_numpy(face_boxes([{}, ROW], 100))
    assert known(boxes).tolist() == [False, True]
    assert face_masks(boxes, 16)[0].max() == 0
    assert mirrored(boxes)[0].tolist() == [0, 0, 0, 0]


def test_boxes_stay_in_the_picture() -> None:
    row = {"landmarks": {"chin": (-5, 110, False), "forehead": (40, 2, True)}}
    box = face_boxes([row], 100)[0]
    assert box.min() == 0
    assert box.max() == 1


def test_a_mask_is_whole_in_the_middle_and_nothing_at_the_corners() -> None:
    mask = face_masks(torch.tensor([[0.25, 0.25, 0.75, 0.75]]), 32)
    assert mask.shape == (1, 1, 32, 32)
    assert mask[0, 0, 12:20, 12:20].min() == 1
    assert mask[0, 0, :6].max() == 0
    assert 0 < float(((mask > 0) & (mask < 1)).sum()) < 200


def test_the_mask_of_a_mirrored_box_is_the_mirrored_mask() -> None:
    boxes = torch.from_numpy(np.array([[0.1, 0.2, 0.4, 0.7]], np.float32))
    assert torch.allclose(face_masks(mirrored(boxes), 24), face_masks(boxes, 24).flip(3), atol=1e-5)


def test_no_rows_are_no_boxes() -> None:
    assert face_boxes([], 100).shape == (0, 4)
