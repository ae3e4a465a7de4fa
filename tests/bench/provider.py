"""A fast stand-in for Twilio in a process of its own: takes texts, counts them, answers after a delay.

Run as ``python -m tests.bench.provider PORT``. It reads only what it must of HTTP, so that it is not the limit.
"""

import asyncio
import itertools
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

from tests.daemons import ROOT, find_free_port, is_answering, wait_for

_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
# An id is never given twice, whatever is counted anew.
_IDS = itertools.count()
_MESSAGE = {"status": "queued", "error_code": None, "num_segments": "1", "direction": "outbound-api", "price": None}


class Account:
    """What was taken: when each request came, and its form as it was sent."""

    def __init__(self) -> None:
        self.delay_s, self.forms, self.arrivals, self.taken_at = 0.0, list[bytes](), list[float](), list[float]()

    def reset(self, delay_s: float) -> None:
        self.__init__()  # type: ignore[misc]
        self.delay_s = delay_s

    def count(self) -> dict[str, Any]:
        texts = len(self.taken_at)
        span = self.taken_at[-1] - self.taken_at[0] if texts > 1 else 0.0
        return {"texts": texts, "seconds": span, "first": self.arrivals[0] if self.arrivals else 0.0}

    def list_texts(self) -> list[tuple[str, str, float]]:
        """Of each text the number, the body, and when its request came (the machine's monotonic clock)."""
        parsed = [dict(urllib.parse.parse_qsl(form.decode())) for form in self.forms]
        return [(form["To"], form["Body"], at) for form, at in zip(parsed, self.arrivals, strict=True)]


class _Connection(asyncio.Protocol):
    def __init__(self, account: Account) -> None:
        self.account, self.buffer = account, bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (head := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self.buffer, 0, head)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < end:
                return
            request, body = bytes(self.buffer[:head]), bytes(self.buffer[head + 4 : end])
            del self.buffer[:end]
            self.handle(request.split(b" ", 2), body)

    def handle(self, request: list[bytes], body: bytes) -> None:
        account = self.account
        if request[0] == b"POST" and request[1].endswith(b"/Messages.json"):
            account.forms.append(body)
            account.arrivals.append(time.monotonic())
            if account.delay_s:
                asyncio.get_running_loop().call_later(account.delay_s, self.take)
            else:
                self.take()
        elif request[1].startswith(b"/reset/"):
            account.reset(float(request[1][7:]))
            self.answer({})
        elif request[1] == b"/count":
            self.answer(account.count())
        elif request[1] == b"/texts":
            self.answer(account.list_texts())
        elif request[0] == b"HEAD":
            date = formatdate(usegmt=True).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nDate: %b\r\nContent-Length: 0\r\n\r\n" % date)
        else:
            self.answer({"messages": [], "page": 0, "page_size": 50, "next_page_uri": None})

    def take(self) -> None:
        self.account.taken_at.append(time.monotonic())
        self.answer({"sid": f"SM{next(_IDS):032x}", **_MESSAGE}, b"201 Created")

    def answer(self, value: Any, status: bytes = b"200 OK") -> None:
        body = json.dumps(value).encode()
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self.transport.write(head + body)


class Provider:
    """The stand-in as a benchmark sees it."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url, self.process = url, process

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def reset(self, delay_s: float) -> None:
        self._ask(f"/reset/{delay_s}")

    def count(self) -> dict[str, Any]:
        counted: dict[str, Any] = self._ask("/count")
        return counted

    def list_texts(self) -> list[tuple[str, str, float]]:
        return [(to, body, at) for to, body, at in self._ask("/texts")]

    def wait_for(self, texts: int, seconds: float) -> dict[str, Any]:
        """Wait until so many were taken, or none more comes for that long; returns the count."""
        last, since = -1, time.monotonic()
        while (counted := self.count())["texts"] < texts:
            if counted["texts"] != last:
                last, since = counted["texts"], time.monotonic()
            elif time.monotonic() - since > seconds:
                break
            time.sleep(0.2)
        return counted

    def count_copies(self) -> tuple[int, int]:
        """How many different texts came, and how many came again."""
        copies = Counter((to, body) for to, body, _ in self.list_texts())
        return len(copies), sum(copies.values()) - len(copies)


@contextmanager
def serve_provider() -> Iterator[Provider]:
    port = find_free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.provider", str(port)], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: is_answering(f"{url}/count"), 120)
        yield Provider(url, process)
    finally:
        process.kill()
        process.wait()


async def _serve(port: int) -> None:
    account = Account()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(account), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
