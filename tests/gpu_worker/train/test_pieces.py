"""Sizes of pieces: from the settings, smaller where memory was short, never from a note that is none."""

from pathlib import Path

import pytest

from gpu_worker.train.pieces import FILE, images_per_piece, note_smaller


@pytest.mark.parametrize(("steps", "pieces"), [(1, 6), (2, 3), (4, 2), (6, 1), (9, 1)])
def test_a_batch_is_taken_in_as_many_pieces_as_asked_or_fewer(steps: int, pieces: int) -> None:
    assert images_per_piece(6, steps, None) == pieces


def test_a_second_shortage_takes_single_images(tmp_path: Path) -> None:
    folder, sizes = tmp_path / "checkpoints", [images_per_piece(12, 1, tmp_path / "checkpoints")]
    for _ in range(3):
        note_smaller(sizes[-1], folder)
        sizes.append(images_per_piece(12, 1, folder))
    assert sizes == [12, 6, 1, 1]
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_a_note_makes_pieces_no_larger(tmp_path: Path) -> None:
    note_smaller(16, tmp_path)
    assert images_per_piece(6, 2, tmp_path) == 3


@pytest.mark.parametrize("noted", ["", "[", "[" * 100_000, "7", "{}", '{"images": 0}', '{"images": "1"}', "\0"])
def test_what_is_no_note_is_not_believed(tmp_path: Path, noted: str) -> None:
    (tmp_path / FILE).write_text(noted)
    assert images_per_piece(6, 1, tmp_path) == 6
    assert note_smaller(6, tmp_path) == 3
