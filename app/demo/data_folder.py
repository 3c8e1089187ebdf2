"""`.caibox`: the one folder in which a demo keeps everything. Closed to others, and used by one stack at a time."""

import fcntl
import os
import shutil
from pathlib import Path


class DataFolderError(Exception):
    """The folder cannot be used; the text is a sentence for the person at the terminal."""


class DataFolder:
    """Holds the folder from `open_data_folder` until `release`, by a lock that also ends when the process does."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def clear(self) -> None:
        """Begin anew: remove everything but the lock."""
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()

    def release(self) -> None:
        """Let go, and leave no lock file."""
        (self.path / "lock").unlink(missing_ok=True)
        os.close(self._lock)


def open_data_folder(path: Path) -> DataFolder:
    """Make the folder where there is none and take its lock. Raises DataFolderError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataFolderError(f"{path} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise DataFolderError(f"A demo is already running on {path}; stop it first.") from error
    if not _is_still_there(path / "lock", lock):
        os.close(lock)
        return open_data_folder(path)
    return DataFolder(path, lock)


def _is_still_there(path: Path, lock: int) -> bool:
    """Whoever held the lock before may have removed its file between our opening and locking it."""
    return path.exists() and path.stat().st_ino == os.fstat(lock).st_ino
