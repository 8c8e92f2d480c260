"""The dashboard is the generated one, complete, and each query in it and in the alerts runs."""

from __future__ import annotations

import json
import re
import shutil
import urllib.parse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from monitoring import dashboard
from monitoring.exporter import page
from monitoring.watchers import Watch
from tests.conftest import absent, await_true, free_port, running
from tests.monitoring.conftest import fetch, parse
from tests.monitoring.test_alerts import FOLDER, rules

GRAFANA = FOLDER.parent / "grafana"
PANELS = dashboard.dashboard()["panels"]
NAME = re.compile(r"\bphotogen_[a-z_]+")


def queries() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel["targets"]] + [str(rule["expr"]) for rule in rules()]


def test_the_committed_file_is_the_generated_one() -> None:
    assert dashboard.FILE.read_text() == dashboard.text()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_explains_itself(panel: dict[str, object]) -> None:
    assert panel["type"] == "timeseries"
    assert panel["title"]
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]  # type: ignore[index]


def test_panels_do_not_overlap() -> None:
    places = sorted((p["gridPos"]["y"], p["gridPos"]["x"]) for p in PANELS)
    assert len({p["id"] for p in PANELS}) == len(PANELS)
    for (y, x), (next_y, next_x) in pairwise(places):
        assert next_y >= y + dashboard.HEIGHT or next_x >= x + dashboard.WIDTH


def test_grafana_is_told_the_same_names() -> None:
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    variable = dashboard.dashboard()["templating"]["list"][0]
    assert source["uid"] == variable["current"]["value"]
    assert yaml.safe_load((GRAFANA / "provisioning/dashboards/photogen.yml").read_text())["providers"]


@pytest.fixture
def prometheus(exporter_url: str, tmp_path: Path) -> Iterator[str]:
    """A real Prometheus with our alerts that has scraped the real exporter; its base URL."""
    if shutil.which("prometheus") is None:
        absent("prometheus (Debian's package prometheus)")
    port = free_port()
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / "alerts.yml")]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [exporter_url.removeprefix("http://")]}]
    file = tmp_path / "prometheus.yml"
    file.write_text(json.dumps(config))
    await_true(lambda: fetch(f"{exporter_url}/health")[0] == 200, "all three watchers")
    command = ["prometheus", f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}"]
    command.append(f"--storage.tsdb.path={tmp_path / 'tsdb'}")
    url = f"http://127.0.0.1:{port}"

    def scraped() -> bool:
        try:
            return bool(ask(url, "photogen_workers"))
        except OSError:
            return False

    with running(command, log=tmp_path / "prometheus.log"):
        await_true(scraped, "Prometheus's first scrape")
        yield url


def ask(url: str, query: str) -> list[object]:
    """Run one instant query; it must be accepted without a warning."""
    status, body = fetch(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
    answer = json.loads(body) if status in (200, 400, 422) else {}
    if status == 503:
        return []
    assert answer["status"] == "success", answer
    assert not answer.get("warnings"), answer
    found: list[object] = answer["data"]["result"]
    return found


def test_every_query_runs_and_every_name_is_exposed(prometheus: str, exporter_url: str) -> None:
    exposed = {name for name, _ in parse(fetch(f"{exporter_url}/metrics")[1])}
    for query in queries():
        ask(prometheus, query)
        assert set(NAME.findall(query)) <= exposed, query
    assert ask(prometheus, "photogen_stage_progress_ratio")
    assert ask(prometheus, "sum(photogen_jobs_total) == 5")


def test_the_rules_are_loaded_by_a_real_prometheus(prometheus: str) -> None:
    groups = json.loads(fetch(f"{prometheus}/api/v1/rules")[1])["data"]["groups"]
    assert {rule["name"] for group in groups for rule in group["rules"]} == {rule["alert"] for rule in rules()}


def test_a_page_without_any_sight_still_answers() -> None:
    status: list[str] = []
    body = b"".join(
        page(Watch())({"PATH_INFO": "/metrics", "REQUEST_METHOD": "GET"}, lambda line, headers: status.append(line))
    )
    assert status == ["200 OK"]
    assert b"photogen_watcher_age_seconds" in body
