"""The virtual locker's document names every fault, with its place, its number and its chance, and nothing else."""

import re
from pathlib import Path

from firmware_sim.fault_file import read_fault_file
from firmware_sim.faults import KINDS, Kind

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/virtual-locker.md").read_text(encoding="utf-8")


def test_every_fault_stands_in_the_document_as_it_is() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+ \| [^|]+ \| [^|]+) \|", DOCUMENT, re.MULTILINE))
    assert rows == {kind.name: row(kind) for kind in KINDS.values()}


def row(kind: Kind) -> str:
    number = "–"
    if kind.amount is not None:
        usual = "" if kind.amount.usual is None else f"; {kind.amount.usual:g}"
        number = f"{kind.amount.unit}, {kind.amount.least:g} to {kind.amount.most:g}{usual}"
    chance = {None: "–", 1: "always"}.get(kind.one_in, f"1 in {kind.one_in}")
    return f"{kind.place} | {number} | {'a moment' if kind.moment else chance}"


def test_the_documents_fault_file_can_be_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    (tmp_path / "faults.toml").write_text(example, encoding="utf-8")
    assert len(read_fault_file(tmp_path / "faults.toml", {"G1": list(range(1, 25))}).planned) == 3
