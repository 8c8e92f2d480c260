"""The demo keeps to its own folder."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from photogen_tasks.cli import app


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path)])
    assert done.exit_code == 1
    assert "folder_in_use" in done.output
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
