"""Compiles every translation catalogue under app/ that is newer than its compiled form."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    for catalogue in sorted((ROOT / "app").rglob("LC_MESSAGES/*.po")):
        compiled = catalogue.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime <= catalogue.stat().st_mtime:
            compile_one(catalogue, compiled)


def compile_one(catalogue: Path, compiled: Path) -> None:
    with catalogue.open("rb") as source:
        messages = read_po(source)
    fresh = compiled.with_suffix(".new")
    with fresh.open("wb") as target:
        write_mo(target, messages)
    fresh.replace(compiled)


if __name__ == "__main__":
    main()
