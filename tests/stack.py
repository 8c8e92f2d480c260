"""`photogen up` as a process of its own, for tests that need the real thing from HTTP to pixels."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from photogen_tasks.client import Client
from photogen_tasks.demo import free_ports
from tests.conftest import await_true

START_SECONDS = 240.0  # two cores, three workers, cold imports


@dataclass
class Stack:
    """A running stack: where it is, what it printed, who is in it."""

    url: str
    metrics_url: str
    data_dir: Path
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def client(self) -> Client:
        return Client(self.url, (self.data_dir / "key").read_text())

    def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Every sample on the metrics page, by name and labels."""
        text = httpx.get(self.metrics_url).text
        families = text_string_to_metric_families(text)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}

    def pids(self, part: str) -> list[int]:
        """Process ids of a role's Celery parent in this stack."""
        return [pid for pid, command in self._children() if f"-Q {part} " in command]

    def _children(self) -> Iterator[tuple[int, str]]:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes().replace(b"\0", b" ").decode()
                parent = int((path.parent / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            if parent == self.process.pid:
                yield int(path.parent.name), command


@contextmanager
def running_stack(data_dir: Path, ports: dict[str, str] | None = None, **settings: str) -> Iterator[Stack]:
    """Start `photogen up`, wait until it says so, stop it with SIGTERM and see that nothing stays."""
    ports = ports or free_ports("API_PORT", "FLOWER_PORT", "METRICS_PORT", "REDIS_PORT")
    url = f"http://127.0.0.1:{ports['PHOTOGEN_API_PORT']}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("PHOTOGEN_")}
    env = (
        own
        | ports
        | {"PHOTOGEN_DATA_DIR": str(data_dir), "PHOTOGEN_PUBLIC_URL": url, "PHOTOGEN_TIED": "true"}
        | settings
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "photogen_tasks.cli", "up"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    stack = Stack(url, f"http://127.0.0.1:{ports['PHOTOGEN_METRICS_PORT']}/metrics", data_dir, process)
    reader = threading.Thread(target=_read, args=(stack,), daemon=True)
    reader.start()
    try:
        await_true(lambda: "Photogen is up." in stack.lines or process.poll() is not None, "the stack", START_SECONDS)
        assert process.poll() is None, "\n".join(stack.lines)
        yield stack
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


def _read(stack: Stack) -> None:
    assert stack.process.stdout is not None
    for line in stack.process.stdout:
        stack.lines.append(line.rstrip("\n"))
