"""An application on a port, for a real browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from playwright.sync_api import Browser
from werkzeug.serving import make_server


@contextmanager
def served(app: Flask, browser: Browser) -> Iterator[str]:
    """Serve `app` to `browser`; at the end its pages are closed and every request has ended.

    Otherwise an open page asks a dead port for ever, and a request under way keeps a connection of an engine that is
    thrown away next.
    """
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = False  # type: ignore[attr-defined]  # so that server_close() waits for them
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        for context in list(browser.contexts):
            context.close()
        app.extensions["caibox_listener"].close()
        server.shutdown()
        thread.join()
        server.server_close()
