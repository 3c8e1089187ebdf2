"""What open event streams cost: so many pages lie open, and then something changes that all of them show.

gunicorn as shipped. Every stream is a connection of its own that hears of one site; memory is the web program's share
before and while they are open. The change is one NOTIFY; measured is until the last stream has read of it, and how long
a plain request takes meanwhile.

python -m benchmarks.streams [--streams 2000] [--json OUT]
"""

import argparse
import json
import os
import resource
import selectors
import socket
import time
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from app.db.engine import announce, transaction
from benchmarks.demo import family_memory_mb
from benchmarks.races import commit, machine
from benchmarks.shop import SITE, ServedShop, served_shop
from benchmarks.viewers import OPERATOR, make_viewers

STREAMS = 2_000
CHANGES = 5
AT_ONCE = 50  # browsers that connect in the same instant
WITHIN_S = 120.0
SPARE_FILES = 200


def measure(streams: int = STREAMS, workers: int = 1) -> dict[str, object]:
    """Kilobytes a stream, and seconds until all hear a change."""
    _allow_files(streams + SPARE_FILES)
    with served_shop(people=1, workers=workers) as shop:
        viewers = make_viewers(shop)
        request = _request(viewers.cookies[OPERATOR])
        _close(_open(shop, request, AT_ONCE))  # so that what every program needs once is there
        before_mb = family_memory_mb(shop.web.pid)
        began = time.perf_counter()
        opened = _open(shop, request, streams)
        opened_s = time.perf_counter() - began
        while_mb = family_memory_mb(shop.web.pid)
        quiet_ms = _page_ms(shop)
        heard = [_change(shop, opened) for _ in range(CHANGES)]
        _close(opened)
    return {
        "what": f"python -m benchmarks.streams --streams {streams} --workers {workers}",
        "commit": commit(),
        "machine": machine(),
        "load_average": round(os.getloadavg()[0], 1),
        "streams": streams,
        "kb_each": round(1024 * (while_mb - before_mb) / streams, 1),
        "web_mb": round(while_mb),
        "opened_s": round(opened_s, 1),
        "first_hears_ms": round(1000 * median(first for first, _ in heard)),
        "all_hear_ms": round(1000 * median(last for _, last in heard)),
        "page_meanwhile_ms": quiet_ms,
    }


def _allow_files(count: int) -> None:
    """A connection is an open file, here and in the web program, which inherits this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def _request(cookie: str) -> bytes:
    return f"GET /live?topic=site:{SITE} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()


def _open(shop: ServedShop, request: bytes, streams: int) -> list[socket.socket]:
    """Open them in batches, as people come; each has been told that its stream has begun."""
    opened: list[socket.socket] = []
    host, port = shop.address.split(":")
    while len(opened) < streams:
        batch = [
            socket.create_connection((host, int(port)), WITHIN_S) for _ in range(min(AT_ONCE, streams - len(opened)))
        ]
        for each in batch:
            each.sendall(request)
        _await(batch, b"retry: ")
        opened += batch
    return opened


def _change(shop: ServedShop, opened: Sequence[socket.socket]) -> tuple[float, float]:
    """Something changes at the site; seconds until the first and the last have heard."""
    began = time.perf_counter()
    with transaction(shop.engine) as conn:
        announce(conn, f"site:{SITE}")
    heard = _await(opened, b"data: site:")
    return min(heard) - began, max(heard) - began


def _await(streams: Sequence[socket.socket], words: bytes) -> list[float]:
    """When each stream has read these words. Raises TimeoutError when some never do."""
    until, when = time.perf_counter() + WITHIN_S, list[float]()
    with selectors.DefaultSelector() as selector:
        for each in streams:
            selector.register(each, selectors.EVENT_READ, bytearray())
        while len(when) < len(streams):
            if time.perf_counter() > until:
                raise TimeoutError(f"{len(streams) - len(when)} of {len(streams)} streams did not hear")
            for key, _ in selector.select(1.0):
                assert isinstance(key.fileobj, socket.socket)
                read = key.fileobj.recv(4096)
                if not read:
                    raise ConnectionError(bytes(key.data))
                key.data.extend(read)
                if words in key.data:
                    when.append(time.perf_counter())
                    selector.unregister(key.fileobj)
    return when


def _page_ms(shop: ServedShop) -> float:
    """How long a plain request takes beside the open streams."""
    passed = []
    with closing(HTTPConnection(shop.address, timeout=60)) as http:
        for _ in range(20):
            before = time.perf_counter()
            http.request("GET", "/healthz")
            http.getresponse().read()
            passed.append(time.perf_counter() - before)
    return round(1000 * median(passed), 1)


def _close(streams: Sequence[socket.socket]) -> None:
    for each in streams:
        each.close()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    words = json.dumps(measure(asked.streams, asked.workers), indent=1)
    print(words)
    if asked.json:
        asked.json.write_text(words + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
