"""A gateway's disk that can be full: a small tmpfs where mounting is allowed, else a limit on what its process writes.

Decides which of the two; both make SQLite's writes fail as a full disk does. Whoever made a disk takes it away.
"""

import resource
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

SIZE = "32m"
BALLAST = "ballast"
PIECE = bytes(256 * 1024)


class Disk(Protocol):
    """What both kinds do."""

    how: str

    def fill(self, pid: int) -> None:
        """No byte more; `pid` writes on it. Call it again when the process has changed."""
        ...

    def free(self, pid: int) -> None:
        """Room again."""
        ...

    def take_away(self) -> None:
        """Undo what was done to the machine."""
        ...


def make_disk(folder: Path) -> Disk:
    """Make the folder a small disk, if this machine allows it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SmallDisk(folder) if _mount(folder) else WriteLimit()


class SmallDisk:
    """A tmpfs: full is really full (ENOSPC)."""

    how = "tmpfs"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self, pid: int) -> None:  # noqa: ARG002  the disk is full for whoever writes
        """Write until nothing more fits."""
        with suppress(OSError), (self._folder / BALLAST).open("ab", buffering=0) as ballast:
            while ballast.write(PIECE):
                pass

    def free(self, pid: int) -> None:  # noqa: ARG002
        """Remove what filled it."""
        (self._folder / BALLAST).unlink(missing_ok=True)

    def take_away(self) -> None:
        """Unmount."""
        subprocess.run(["umount", "--lazy", str(self._folder)], check=False, capture_output=True)  # noqa: S607


class WriteLimit:
    """RLIMIT_FSIZE on the running process: its files cannot grow (EFBIG). One that is started anew has none."""

    how = "write limit"

    def fill(self, pid: int) -> None:
        """No file of the process grows."""
        self._limit(pid, 0)

    def free(self, pid: int) -> None:
        """Lift the limit; `pid` may be another process by now."""
        self._limit(pid, resource.RLIM_INFINITY)

    def take_away(self) -> None:
        """Limits end with their process."""

    def _limit(self, pid: int, most: int) -> None:
        if sys.platform == "linux":
            with suppress(ProcessLookupError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))


def _mount(folder: Path) -> bool:
    mount = shutil.which("mount")
    if mount is None or sys.platform != "linux":
        return False
    words = [mount, "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "caibox", str(folder)]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0
