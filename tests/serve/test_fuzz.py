"""The service against whatever its own OpenAPI description allows, and what it does not."""

from __future__ import annotations

import shutil
import subprocess

import pytest

SCHEMATHESIS = shutil.which("schemathesis")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SCHEMATHESIS is None, reason="schemathesis is not installed"),
]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def test_no_server_error_and_every_answer_as_described(service, tmp_path):
    assert SCHEMATHESIS is not None
    url = f"http://127.0.0.1:{service.port}/openapi.json"
    command = [SCHEMATHESIS, "run", url, "--checks", ",".join(CHECKS), "--seed", "0"]
    bounds = ["--max-examples", "30", "--workers", "1", "--request-timeout", "60"]
    done = subprocess.run(
        [*command, *bounds],
        cwd=tmp_path,  # it keeps notes where it stands
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
