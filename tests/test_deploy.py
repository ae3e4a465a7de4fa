"""What ``deploy/`` says fits the program. No engine runs it here; what can be read is read."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.routing import APIRoute

from bot.settings import NAMES
from bot.web import health
from tests.daemons import ROOT

DEPLOY = ROOT / "deploy"
# Read by the web server itself.
SERVER = {"FORWARDED_ALLOW_IPS"}


def read(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def test_every_setting_in_the_files_is_one_of_ours() -> None:
    [compose] = read("compose.yaml")
    objects = {one["kind"]: one for one in read("kubernetes.yaml")}
    unit = re.findall(
        r"([A-Z_]+)=\S*", " ".join(re.findall("^Environment=(.*)$", (DEPLOY / "reminders.service").read_text(), re.M))
    )
    image = re.findall(r"\b([A-Z]+_[A-Z_]+)=", (DEPLOY / "Dockerfile").read_text())
    for names in (
        set(compose["services"]["node1"]["environment"]) - SERVER,
        set(objects["ConfigMap"]["data"]) - SERVER,
        {name for name in [*unit, *image] if not name.startswith("PYTHON")},
    ):
        assert names
        assert names <= set(NAMES)


def test_the_image_is_built_of_files_that_exist_and_are_not_ignored() -> None:
    copied = {
        source
        for line in re.findall("^COPY (?!--)(.*)$", (DEPLOY / "Dockerfile").read_text(), re.M)
        for source in line.split()[:-1]
    }
    assert {"bot", "messages", "locales", "requirements.lock"} <= copied
    allowed = set(re.findall("^!(.*)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.M))
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_nodes_run_as_nobody_special_and_have_time_to_finish() -> None:
    from bot.daemon import _DRAIN_S

    [compose] = read("compose.yaml")
    for node in ("node1", "node2"):
        service = compose["services"][node]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert int(service["stop_grace_period"].rstrip("s")) > _DRAIN_S
    [pod] = [one["spec"]["template"]["spec"] for one in read("kubernetes.yaml") if one["kind"] == "StatefulSet"]
    assert pod["terminationGracePeriodSeconds"] > _DRAIN_S + 5
    user = str(pod["securityContext"]["runAsUser"])
    assert f"USER {user}\n" in (DEPLOY / "Dockerfile").read_text()
    assert not pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"]


def test_what_is_probed_is_served() -> None:
    probed = {
        path
        for name in ("Dockerfile", "Caddyfile", "kubernetes.yaml")
        for path in re.findall(r"(?:8000|health_uri |path: )(/\w+)", (DEPLOY / name).read_text())
    }
    assert probed == {"/healthz"}
    assert "/healthz" in {route.path for route in health.router.routes if isinstance(route, APIRoute)}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    unit = (DEPLOY / "reminders.service").read_text().replace("/opt/reminders/.venv/bin/bot run", "/bin/true")
    file = tmp_path / "reminders.service"
    file.write_text(unit)
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert rated.returncode == 0, rated.stdout[-500:]
