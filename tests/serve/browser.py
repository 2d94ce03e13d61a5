"""A headless Chromium, spoken to through pipes: no driver, no package, no port."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)


START = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for number, end in zip((3, 4), ends):
    os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The protocol speaks through the file descriptors 3 and 4."""


class Browser:
    """One page. `run` evaluates JavaScript in it, `shot` takes its picture; `errors` are what its
    console and its policy complained about.
    """

    def __init__(self, profile: Path, width: int = 1200, height: int = 900, dark: bool = False):
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        command = [
            sys.executable, "-c", START, str(theirs_in), str(theirs_out), str(CHROMIUM),
            "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
            "--force-prefers-reduced-motion", "--hide-scrollbars", f"--user-data-dir={profile}",
            "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command,
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb")
        self._numbers, self._rest = itertools.count(1), b""
        self.errors: list[str] = []
        self._session = None
        page = next(t for t in self.do("Target.getTargets")["targetInfos"] if t["type"] == "page")
        found = self.do("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.do(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])
        self.do("Emulation.setFocusEmulationEnabled", enabled=True)
        self.size(width, height)

    def size(self, width: int, height: int) -> None:
        """As on a screen of this size; below 600 pixels as on a phone."""
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the DevTools protocol, and what it gives."""
        number = next(self._numbers)
        words = {"id": number, "method": method, "params": params}
        if self._session:
            words["sessionId"] = self._session
        self._out.write(json.dumps(words).encode() + b"\0")
        self._out.flush()
        while True:
            message = self._next()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._hear(message)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._in.fileno(), 1 << 16)
            assert part, "the browser is gone"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _hear(self, message: dict[str, Any]) -> None:
        words = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(words["exceptionDetails"])[:500])
        elif message["method"] == "Log.entryAdded" and words["entry"]["level"] == "error":
            self.errors.append(words["entry"]["text"])

    def open(self, url: str) -> None:
        """Go there."""
        self.do("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression; a promise is waited for."""
        found = self.do(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """A key of the keyboard."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39, "ArrowDown": 40}
        text = {"Enter": "\r", " ": " "}.get(key)
        words = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        self.do(
            "Input.dispatchKeyEvent", type="keyDown", **words, **({"text": text} if text else {})
        )
        self.do("Input.dispatchKeyEvent", type="keyUp", **words)

    def shot(self, path: Path, whole: bool = True) -> Path:
        """A PNG of the page, or of what the window shows."""
        found = self.do("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))
        return path

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()
