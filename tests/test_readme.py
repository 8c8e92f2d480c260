"""The README says what is there: its map and settings are the code's, its commands exist."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from photogen_tasks.cli import app
from tools.write_readme import ROOT, filled

README = (ROOT / "README.md").read_text()
COMMANDS = sorted(set(re.findall(r"`((?:photogen|make) [^`]+)`", README)))
COMMANDS += [line for block in re.findall(r"```console\n(.*?)```", README, re.S) for line in block.splitlines()]


def test_the_map_and_the_settings_are_up_to_date() -> None:
    assert filled(README) == README, "run: python -m tools.write_readme"


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!http)[^)]+)\)", README))))
def test_pictures_and_links_exist(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("photogen ")])
def test_photogens_commands_exist(command: str) -> None:
    words = shlex.split(command)[1:]
    path = words[:2] if words[0] == "keys" else words[:1]
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0, command
    for flag in (word for word in words if word.startswith("--")):
        assert flag in result.output, f"{flag} of {command}"


@pytest.mark.parametrize("target", sorted({shlex.split(c)[1] for c in COMMANDS if c.startswith("make ")}))
def test_makes_targets_exist(target: str) -> None:
    done = subprocess.run(["make", "-n", "-C", str(ROOT), target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_machine_check_names_what_is_missing(tmp_path: Path) -> None:
    script = ROOT / "tools" / "check_machine.sh"
    done = subprocess.run(["bash", script, "python-of-nowhere"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "apt-get install python3" in done.stderr
