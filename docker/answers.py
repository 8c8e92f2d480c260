"""Fails unless a URL answers 200 in time: the healthcheck of containers that speak HTTP. `answers.py URL`."""

from __future__ import annotations

import sys
from urllib.request import urlopen

SECONDS = 4  # less than the healthchecks' own time-out, so that it is the answer that decides

with urlopen(sys.argv[1], timeout=SECONDS) as answer:  # noqa: S310 - our own address, from our own compose file
    sys.exit(answer.status != 200)
