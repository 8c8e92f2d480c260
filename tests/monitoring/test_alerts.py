"""The rules are accepted, and each fires when it must and keeps quiet when it must not: promtool says so."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import monitoring
from tests.conftest import absent

FOLDER = Path(monitoring.__file__).parent / "prometheus"


def promtool(*arguments: str) -> None:
    if shutil.which("promtool") is None:
        absent("promtool (Debian's package prometheus)")
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, object]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_prometheus_accepts_the_configuration() -> None:
    promtool("check", "config", "prometheus.yml")


def test_every_alert_fires_and_keeps_quiet() -> None:
    promtool("test", "rules", "alerts.test.yml")


@pytest.mark.parametrize("name", [rule["alert"] for rule in rules()])
def test_both_sides_of_every_alert_are_tested(name: str) -> None:
    cases = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
    expected = [
        bool(test["exp_alerts"]) for case in cases for test in case["alert_rule_test"] if test["alertname"] == name
    ]
    assert True in expected
    assert False in expected


def test_every_alert_says_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"], rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description"}  # type: ignore[call-overload]
        assert re.fullmatch(r"Photogen[A-Za-z]+", str(rule["alert"]))
