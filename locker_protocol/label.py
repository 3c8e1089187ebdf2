"""The label on a parcel: `P1-{site}-{run}-{parcel}`.

It is no secret: it says where a parcel belongs, and opens nothing alone.
"""

import re
from dataclasses import dataclass

SHAPE = re.compile(r"P1-([0-9]{1,9})-([0-9]{1,9})-([0-9A-HJKMNP-TV-Z]{8})")
REF_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Label:
    """What a label says."""

    site_no: int
    run_no: int
    ref: str


def write_label(label: Label) -> str:
    """Write a label as QR text."""
    return f"P1-{label.site_no}-{label.run_no}-{label.ref}"


def read_label(text: str) -> Label | None:
    """Read a label, forgiving case and blanks; `None` when it is none."""
    found = SHAPE.fullmatch("".join(text.split()).upper())
    return Label(int(found[1]), int(found[2]), found[3]) if found else None
