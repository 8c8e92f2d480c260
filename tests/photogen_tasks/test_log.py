"""No key, password or signature reaches a log line, whoever wrote it."""

from __future__ import annotations

import logging
import re

import pytest
import structlog

from photogen_tasks import log

KEY = "pg_" + "A1b2C3d4" * 5


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {KEY}", KEY),
        ("redis://:hunter2hunter2@127.0.0.1:6379/0", "hunter2hunter2"),
        ("postgresql://photogen:pa55word@db/photogen", "pa55word"),
        (f"GET /v1/files/x?expires=1&signature={'ab' * 32}", "ab" * 32),
    ],
)
def test_secrets_are_masked(data_dir: object, capsys: pytest.CaptureFixture[str], text: str, secret: str) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        log.setup()
        logging.getLogger("anybody").warning(text)
        structlog.get_logger().warning("said", text=text)
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
    printed = capsys.readouterr().out
    assert len(re.findall("…", printed)) == 2
    assert secret not in printed
