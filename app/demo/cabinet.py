"""Decides where each door of a cabinet is: number, size class, litres and millimetres, from the heights of its columns.

Doors are numbered as a person reads who stands before the wall: the left column first, in it from top to bottom, then
the next column. Rows count the same way. Millimetres count from the cabinet's lower left corner, right and up.
It never knows what is in a door.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from locker_protocol.vocabulary import SizeClass, Zone

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A part of the front, seen from outside."""

    x_mm: int
    y_mm: int
    width_mm: int
    height_mm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compartment:
    """One door: `leaf` is what one sees of it, the clear measures are the room behind, a bag goes over `sill_mm`."""

    door: int
    column: int
    row: int
    zone: Zone
    size: SizeClass
    clear_width_mm: int
    clear_height_mm: int
    clear_depth_mm: int
    usable_ml: int
    sill_mm: int
    leaf: Rectangle


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A stack of doors of one zone, in door order. The next sill would be at `stack_top_mm`."""

    column: int
    zone: Zone
    x_mm: int
    width_mm: int
    stack_top_mm: int
    compartments: tuple[Compartment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The control head above the ambient doors: what people read, hold a code to and type on."""

    column: int
    panel: Rectangle
    screen: Rectangle
    scanner: Rectangle
    keypad: Rectangle


@dataclass(frozen=True, slots=True, kw_only=True)
class Locker:
    """A cabinet with its outer measures; the compressor takes the uppermost `compressor_mm`."""

    locker_id: str
    name_zh: str
    name_en: str
    width_mm: int
    height_mm: int
    depth_mm: int
    compressor_mm: int
    columns: tuple[Column, ...]
    head: Head

    @property
    def compartments(self) -> tuple[Compartment, ...]:
        """Every compartment in the order of door numbers."""
        return tuple(compartment for column in self.columns for compartment in column.compartments)


def build_locker(row: Table, cabinet: Table, *, first_door: int) -> Locker:
    """Build one locker from its table and the measures all cabinets share; its doors count from `first_door`."""
    columns = tuple(build_columns(row["columns"], cabinet, first_door))
    return Locker(
        locker_id=row["locker_id"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        width_mm=row["width_mm"],
        height_mm=cabinet["height_mm"],
        depth_mm=cabinet["depth_mm"],
        compressor_mm=cabinet["compressor_mm"],
        columns=columns,
        head=build_head(cabinet["head"], columns[row["head_column"] - 1]),
    )


def build_columns(rows: list[Table], cabinet: Table, first_door: int) -> Iterator[Column]:
    x_mm, door = 0, first_door
    for number, row in enumerate(rows, start=1):
        column = build_column(row, cabinet, number=number, x_mm=x_mm, first_door=door)
        yield column
        x_mm += column.width_mm
        door += len(column.compartments)


def build_column(row: Table, cabinet: Table, *, number: int, x_mm: int, first_door: int) -> Column:
    zone = Zone(row["zone"])
    kind = cabinet["frozen" if zone is Zone.FROZEN else "plain"]
    heights = row["clear_heights_mm"]
    pitches = (height + kind["divider_mm"] for height in heights)
    *sills, stack_top_mm = accumulate(pitches, initial=cabinet["first_sill_mm"])
    top_first = list(zip(heights, sills, strict=True))[::-1]
    compartments = tuple(
        Compartment(
            door=first_door + index,
            column=number,
            row=index + 1,
            zone=zone,
            size=size_of(height, cabinet),
            clear_width_mm=kind["clear_width_mm"],
            clear_height_mm=height,
            clear_depth_mm=kind["clear_depth_mm"],
            usable_ml=usable_ml(height, kind, cabinet["usable_percent"]),
            sill_mm=sill,
            leaf=leaf_of(height, sill, x_mm, kind, cabinet["leaf_gap_mm"]),
        )
        for index, (height, sill) in enumerate(top_first)
    )
    return Column(
        column=number,
        zone=zone,
        x_mm=x_mm,
        width_mm=kind["column_width_mm"],
        stack_top_mm=stack_top_mm,
        compartments=compartments,
    )


def size_of(clear_height_mm: int, cabinet: Table) -> SizeClass:
    """Name the size class of exactly this height; a height between two classes is a mistake in the file."""
    return next(SizeClass(size) for size, height in cabinet["sizes_mm"].items() if height == clear_height_mm)


def usable_ml(clear_height_mm: int, kind: Table, usable_percent: int) -> int:
    """Give the share of the clear volume that bags really fill, to the whole litre."""
    clear_mm3: int = clear_height_mm * kind["clear_width_mm"] * kind["clear_depth_mm"]
    usable_l = round(clear_mm3 * usable_percent / 100 / 1_000_000)
    return usable_l * 1_000


def leaf_of(clear_height_mm: int, sill_mm: int, column_x_mm: int, kind: Table, gap_mm: int) -> Rectangle:
    """Centre the leaf on its opening: it covers half of each divider around, less half the gap to the next leaf."""
    return Rectangle(
        x_mm=column_x_mm + gap_mm // 2,
        y_mm=sill_mm - (kind["divider_mm"] - gap_mm) // 2,
        width_mm=kind["column_width_mm"] - gap_mm,
        height_mm=clear_height_mm + kind["divider_mm"] - gap_mm,
    )


def build_head(rows: Table, column: Column) -> Head:
    parts = {name: Rectangle(**row | {"x_mm": row["x_mm"] + column.x_mm}) for name, row in rows.items()}
    return Head(column=column.column, **parts)
