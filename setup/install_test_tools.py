"""Sees to the two programs that tests need and PyPI does not have: Mosquitto and Chromium.

Installs what is missing by apt where that needs no password; else says what to install and fails.
"""

import os
import shutil
import subprocess
import sys

# Debian's package: the commands any one of which will do
WANTED = {"mosquitto": ("mosquitto",), "chromium": ("chromium", "chromium-browser", "google-chrome")}
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"  # Mosquitto is in sbin, which users seldom have


def main() -> None:
    packages = missing()
    if packages and shutil.which("apt-get") and may_install():
        install(packages)
    still = missing()
    if still:
        sys.exit(
            f"The tests need {' and '.join(still)}; please install it (Debian, Ubuntu: apt install {' '.join(still)})"
        )


def missing() -> list[str]:
    return [package for package, commands in WANTED.items() if not any(shutil.which(c, path=PATH) for c in commands)]


def may_install() -> bool:
    return os.geteuid() == 0 or (
        shutil.which("sudo") is not None and subprocess.call(["sudo", "-n", "true"], stderr=subprocess.DEVNULL) == 0
    )


def install(packages: list[str]) -> None:
    print(f"installing {' and '.join(packages)} by apt", flush=True)
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    quietly = ["env", "DEBIAN_FRONTEND=noninteractive"]
    subprocess.call([*prefix, "apt-get", "update", "-qq"])
    subprocess.call(
        [*prefix, *quietly, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
