"""A real HTTP server on this machine that takes text messages as a provider does, and answers as it is told."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class TextOffice:
    """What was asked, and the answers to come (status, body); the last one stays."""

    answers: list[tuple[int, bytes]] = field(default_factory=lambda: [(200, b"{}")])
    asked: list[Asked] = field(default_factory=list)
    slow_s: float = 0
    hang_up: bool = False
    redirect_to: str = ""
    url: str = ""


@contextmanager
def serving(office: TextOffice) -> Iterator[TextOffice]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            office.asked.append(Asked(self.command, self.path, dict(self.headers.items()), body))
            if office.hang_up:
                self.close_connection = True
                return
            time.sleep(office.slow_s)
            status, said = office.answers.pop(0) if office.answers[1:] else office.answers[0]
            self.send_response(status)
            if office.redirect_to:
                self.send_header("Location", office.redirect_to)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_PUT = do_GET = answer  # noqa: N815  the standard library's names

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        office.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield office
        server.shutdown()
        thread.join()
