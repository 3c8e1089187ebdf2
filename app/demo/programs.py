"""How each of Caibox's own programs is started in the demo, and how one knows that it is ready."""

import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from app.demo.child import Command
from app.demo.ports import answers

CAIBOX = str(Path(sys.executable).with_name("caibox"))


def upgrade_command(env: Mapping[str, str], log: Path) -> Command:
    """Bring the schema up to date, then end."""
    return Command("upgrade", [CAIBOX, "db", "upgrade"], env, log, ready_within_s=120)


def seed_command(env: Mapping[str, str], log: Path) -> Command:
    """Write the demo's data where they are not there yet, then end."""
    return Command("seed", [CAIBOX, "seed"], env, log, ready_within_s=120)


def web_command(env: Mapping[str, str], log: Path, *, port: int, scratch: Path, workers: int = 1) -> Command:
    """One gevent worker holds thousands of event streams. gunicorn keeps its files in `scratch`, not at home."""
    options = {
        "--bind": f"127.0.0.1:{port}",
        "--worker-class": "gevent",
        "--workers": str(workers),
        "--worker-connections": "4000",  # 2,000 pages that lie open, and room for who asks meanwhile
        "--worker-tmp-dir": str(scratch),
        "--graceful-timeout": "2",  # an open event stream would hold the end up for as long as it is given
        "--log-level": "warning",
    }
    words = [word for option in options.items() for word in option]
    argv = [sys.executable, "-m", "gunicorn", *words, "--no-control-socket", "app.factory:create_app()"]
    return Command("web", argv, env, log, ready=lambda: is_healthy(port))


def module_command(name: str, module: str, env: Mapping[str, str], log: Path, *, port: int) -> Command:
    """`python -m module`; ready when its figures, or its page, answer on `port`."""
    return Command(name, [sys.executable, "-m", module], env, log, ready=lambda: answers(port))


def is_healthy(port: int) -> bool:
    """True when /healthz says so."""
    connection = HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
