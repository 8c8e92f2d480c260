"""Runs Flower for people: tasks by job id, workers, queues. Numbers come from the exporter, never from here.

A task's id starts with its job's id and its argument holds it, so the search field finds a job's tasks.
"""

from __future__ import annotations

import ipaddress

import flower.options  # noqa: F401 - defines Flower's options
from tornado.options import options

from photogen_tasks import log as logging
from photogen_tasks.celery import app
from photogen_tasks.config import settings


class OpenToAll(ValueError):
    """Flower would listen beyond this machine without a password."""


def guarded(host: str, basic_auth: str) -> list[str]:
    """Credentials for Flower's `basic_auth` option, empty on loopback without any.

    Raises:
        OpenToAll: no `user:password` for a host that others reach, or one that Flower cannot compare.
    """
    user, colon, password = basic_auth.partition(":")
    if user and colon and password and basic_auth.isascii():
        return [basic_auth]
    if basic_auth:
        raise OpenToAll("PHOTOGEN_FLOWER_BASIC_AUTH must read user:password, in ASCII.")
    if not _loopback(host):
        raise OpenToAll(f"Flower on {host} needs PHOTOGEN_FLOWER_BASIC_AUTH=user:password.")
    return []


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run() -> None:
    """Serve until SIGTERM or SIGINT. Raises OpenToAll."""
    # Set here, not on the command line: there a comma in the password would split it.
    options.basic_auth = guarded(settings().host, settings().flower_basic_auth.get_secret_value())
    app.start(["flower", f"--address={settings().host}", f"--port={settings().flower_port}"])


if __name__ == "__main__":
    logging.setup()
    run()
