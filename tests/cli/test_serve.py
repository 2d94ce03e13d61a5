from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="needs hubel[serve]")


def test_no_bundle(hubel, tmp_path):
    said = hubel("serve", tmp_path / "nothing")
    assert said.code == 2
    assert "no such folder" in said.err


def test_no_limits_of_nothing(hubel, bundle):
    assert "--batch" in hubel("serve", bundle, "--batch", 0).err


def test_a_token_that_no_header_can_hold(hubel, bundle):
    said = hubel("serve", bundle, "--token", "schlüssel")
    assert said.code == 2
    assert "printable ASCII" in said.err


def test_help_names_the_variable(hubel):
    assert "HUBEL_TOKEN" in hubel("serve", "--help").out
