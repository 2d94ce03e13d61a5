"""Forms and JSON -> the bytes of the pictures; whatever else comes is refused, never a crash."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubel.serve.errors import Refused
from hubel.serve.limits import Limits
from hubel.serve.upload import Bodies, Gone, pictures_of
from tests.serve.conftest import coded, form

FORM = "multipart/form-data; boundary=edge"


@given(
    st.lists(
        st.binary(max_size=60).filter(lambda b: b"\r\n--edge" not in b), min_size=1, max_size=4
    )
)
def test_files_of_a_form_come_out_as_they_went_in(pictures):
    body, kind = form(pictures)
    assert pictures_of(body, kind, 4) == pictures


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_so_does_base64(pictures):
    body = json.dumps({"pictures": [coded(one) for one in pictures]}).encode()
    assert pictures_of(body, "application/json; charset=utf-8", 4) == pictures


def test_one_picture_as_base64_and_as_a_data_url():
    for text in (coded(b"abc"), f"data:image/png;base64,{coded(b'abc')}"):
        assert pictures_of(json.dumps({"picture": text}).encode(), "application/json", 1) == [
            b"abc"
        ]


def test_a_quoted_boundary_and_names_without_quotes():
    body = b"--a b\r\ncontent-disposition: form-data; name=picture\r\n\r\nxyz\r\n--a b--"
    assert pictures_of(body, 'multipart/form-data; boundary="a b"', 1) == [b"xyz"]


@given(st.binary(max_size=200), st.sampled_from(["application/json", FORM, "text/html", ""]))
def test_any_bytes_are_pictures_or_refused(body, kind):
    assert 400 <= status(body, kind) < 500 or all(
        isinstance(one, bytes) for one in pictures_of(body, kind, 2)
    )


def status(body: bytes, kind: str) -> int:
    try:
        pictures_of(body, kind, 2)
    except Refused as refused:
        return refused.status
    return 200


def part(name: bytes = b"picture", content: bytes = b"x") -> bytes:
    return b'--edge\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name, content)


@pytest.mark.parametrize(
    ("kind", "body", "status", "words"),
    [
        ("text/plain", b"x", 415, "another Content-Type"),
        ("", b"x", 415, "no Content-Type"),
        ("application/json", b"{", 400, "not valid JSON"),
        ("application/json", b"\xff\xfe\xfd", 400, "not valid JSON"),
        ("application/json", b"[" * 100_000, 400, "nested too deeply"),
        ("application/json", b"[1]", 422, "must be an object"),
        ("application/json", b"{}", 422, "no picture"),
        ("application/json", b'{"picture": 1}', 422, "not a text"),
        ("application/json", b'{"picture": "\xc3\xa4"}', 422, "not valid base64"),
        ("application/json", b'{"picture": "abc"}', 422, "not valid base64"),
        ("application/json", b'{"pictures": "abc"}', 422, "must be a list"),
        ("application/json", b'{"picture": "", "path": "/etc/passwd"}', 422, "unknown word 'path'"),
        ("application/json", b'{"pictures": ["", "", ""]}', 422, "up to 2 pictures"),
        ("multipart/form-data", part(), 400, "without a boundary"),
        (FORM, b"", 400, "cut short"),
        (FORM, part(), 400, "cut short"),
        (FORM, b"--edge--", 422, "no picture"),
        (FORM, part(b"file") + b"--edge--", 422, "another field"),
        (FORM, b"--edge\r\n\r\nx\r\n--edge--", 400, "no Content-Disposition"),
        (FORM, part() * 3 + b"--edge--", 422, "up to 2 pictures"),
    ],
)  # fmt: skip
def test_what_is_refused(kind, body, status, words):
    with pytest.raises(Refused, match=words) as caught:
        pictures_of(body, kind, 2)
    assert caught.value.status == status


def read(bodies: Bodies, *parts: bytes, length: str | None = None, pause: float = 0) -> bytes:
    """Read a body that comes in parts."""

    async def whole() -> bytes:
        left = list(parts)

        async def receive():
            await asyncio.sleep(pause)
            if not left:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async with bodies.read(receive, length, time.monotonic() + bodies.limits.timeout) as body:
            assert bodies.held == len(body)
            return body

    return asyncio.run(whole())


def test_a_body_is_put_together_and_let_go():
    bodies = Bodies(Limits())
    assert read(bodies, b"ab", b"", b"c") == b"abc"
    assert bodies.held == 0


@pytest.mark.parametrize("length", ["11", "9" * 15])
def test_what_promises_to_be_too_large_is_not_read(length):
    with pytest.raises(Refused) as caught:
        read(Bodies(Limits(body=10)), length=length)
    assert caught.value.status == 413


@pytest.mark.parametrize("length", [None, "3", "-5", "many"])
def test_what_is_larger_than_it_promises(length):
    bodies = Bodies(Limits(body=10))
    with pytest.raises(Refused) as caught:
        read(bodies, b"x" * 6, b"x" * 6, length=length)
    assert caught.value.status == 413
    assert bodies.held == 0


def test_all_bodies_together_are_bounded():
    bodies = Bodies(Limits(body=10))
    bodies.held = bodies.limits.held - 3
    assert read_held(bodies, b"abc") == b"abc"
    with pytest.raises(Refused) as caught:
        read_held(bodies, b"abcd")
    assert caught.value.status == 429


def read_held(bodies: Bodies, body: bytes) -> bytes:
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def whole() -> bytes:
        async with bodies.read(receive, None, time.monotonic() + 5) as found:
            return found

    return asyncio.run(whole())


def test_a_slow_sender():
    with pytest.raises(Refused, match=r"not whole after 0\.1 seconds") as caught:
        read(Bodies(Limits(timeout=0.1)), b"a", b"b", b"c", pause=0.06)
    assert caught.value.status == 408


def test_a_sender_who_leaves():
    with pytest.raises(Gone):
        asyncio.run(gone())


async def gone() -> None:
    async def receive():
        return {"type": "http.disconnect"}

    async with Bodies(Limits()).read(receive, None, time.monotonic() + 5):
        pass
