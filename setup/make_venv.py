"""Makes .venv with the Python that runs this, or says in a sentence why it cannot. Must parse on old ones too."""

import subprocess
import sys

WANTED = (3, 11)


def main(folder: str) -> None:
    if sys.version_info < WANTED:
        found = ".".join(str(part) for part in sys.version_info[:2])
        sys.exit(f"Caibox needs Python 3.11 or newer, this is {found}; name another one: PYTHON=python3.12 make demo")
    if subprocess.call([sys.executable, "-m", "venv", folder]):
        sys.exit(f"Python could not make {folder}; on Debian and Ubuntu: apt install python3-venv")


if __name__ == "__main__":
    main(sys.argv[1])
