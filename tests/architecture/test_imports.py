"""The import contracts of pyproject.toml hold, cover every module they should, and bite."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LINT = str(Path(sys.executable).with_name("lint-imports"))
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
PACKAGES = SETTINGS["root_packages"]

# The modules that do input and output, so that all others need not.
SHELLS = {
    "firmware_sim": {
        "__main__",
        "device",
        "fault_command",
        "fault_file",
        "fault_runner",
        "journal",
        "meter",
        "mqtt_device",
        "page",
        "requests",
        "settings",
        "switching",
        "view",
        "wire",
        "words",
    },
    "locker_gateway": {"__main__", "journal", "loop", "metrics", "mqtt_links", "settings", "store", "verify_audit"},
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def modules_of(package: str) -> set[str]:
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    return {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"} | rooms


def pure_modules_of(package: str) -> set[str]:
    contract = next(each for each in SETTINGS["contracts"] if each["id"] == "pure")
    return {name.removeprefix(f"{package}.") for name in contract["source_modules"] if name.startswith(f"{package}.")}


def test_the_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", sorted(SHELLS))
def test_each_module_is_pure_by_contract_or_a_named_shell(package: str) -> None:
    assert pure_modules_of(package) == modules_of(package) - SHELLS[package]
    assert SHELLS[package] <= modules_of(package)


def test_each_program_is_under_the_contracts() -> None:
    programs = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert programs - {"benchmarks"} == set(PACKAGES)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The programs' sources, to break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("static", "__pycache__"))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("app/domain/errors.py", "import sqlalchemy", "Pure modules do no input or output"),
        ("locker_gateway/site.py", "import locker_gateway.mqtt_links", "Pure modules do no input or output"),
        ("firmware_sim/controller.py", "import sqlite3", "Pure modules do no input or output"),
        ("firmware_sim/controller.py", "import locker_gateway.doors", "The three programs never import each other"),
        ("app/domain/errors.py", "import simulation.soak", "Nothing imports the simulation, which may import all"),
        ("locker_protocol/ids.py", "import app.settings", "The protocol imports none of the programs"),
        ("app/domain/errors.py", "import app.web", "In the order service each layer imports only those below it"),
        ("app/link/__init__.py", "import app.web", "In the order service each layer imports only those below it"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(copy: Path, file: str, line: str, contract: str) -> None:
    with (copy / file).open("a") as source:
        source.write(f"\n{line}\n")
    done = lint(copy)
    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout
