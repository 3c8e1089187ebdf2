"""What somebody takes with them, as one ZIP: a page to read in any browser, the same as JSON, and the photos.

Decides only how it is packed. Times are ISO 8601 in UTC, money is minor units, as the columns' names say.
"""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from html import escape
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

PAGE, DATA = "my-data.html", "my-data.json"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem;max-width:80rem}table{border-collapse:collapse;font-size:14px}"
    "th,td{border:1px solid #999;padding:4px 8px;text-align:left;vertical-align:top;white-space:pre-wrap}"
)

Names = tuple[str, str]  # 中文, English
Value = object
Section = tuple[str, Names, Mapping[str, Names], Sequence[Sequence[Value]]]  # key, names, columns, rows


def pack_archive(
    sections: Sequence[Section],
    *,
    photos: Sequence[tuple[str, bytes]],
    made_at: datetime,
) -> bytes:
    """Pack sections (key, names, columns' names, rows) and photos (id, JPEG) into the bytes of a ZIP."""
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        _add(archive, PAGE, _as_page(sections, made_at).encode(), made_at)
        _add(archive, DATA, _as_json(sections, made_at).encode(), made_at)
        for photo_id, jpeg in photos:
            _add(archive, f"photos/{photo_id}.jpg", jpeg, made_at, how=ZIP_STORED)
    return packed.getvalue()


def _add(archive: ZipFile, name: str, content: bytes, made_at: datetime, *, how: int = ZIP_DEFLATED) -> None:
    file = ZipInfo(name, made_at.timetuple()[:6])
    file.compress_type = how
    archive.writestr(file, content)


def _as_json(sections: Sequence[Section], made_at: datetime) -> str:
    said = {
        key: {
            "zh": names[0],
            "en": names[1],
            "columns": {column: {"zh": zh, "en": en} for column, (zh, en) in columns.items()},
            "rows": [dict(zip(columns, map(_plain, row), strict=True)) for row in rows],
        }
        for key, names, columns, rows in sections
    }
    return json.dumps({"made_at": made_at.isoformat(), **said}, ensure_ascii=False, indent=1)


def _as_page(sections: Sequence[Section], made_at: datetime) -> str:
    title = (
        f'<!doctype html><html lang="zh-Hans"><meta charset="utf-8"><title>菜箱 Caibox</title><style>{STYLE}</style>'
        f"<h1>菜箱保存的关于您的信息 · What Caibox holds about you</h1><p>{made_at:%Y-%m-%d %H:%M} UTC</p>"
    )
    parts = [title]
    for _, (zh, en), columns, rows in sections:
        parts.append(f"<h2>{escape(zh)} · {escape(en)}</h2>")
        parts.append(_as_table(columns, rows) if rows else "<p>没有 · none</p>")
    return "".join([*parts, "</html>"])


def _as_table(columns: Mapping[str, Names], rows: Sequence[Sequence[Value]]) -> str:
    head = "".join(f"<th>{escape(zh)}<br>{escape(en)}</th>" for zh, en in columns.values())
    body = "".join("<tr>" + "".join(f"<td>{escape(_shown(value))}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _shown(value: Value) -> str:
    plain = _plain(value)
    if isinstance(plain, bool):
        return "是 yes" if plain else "否 no"
    if isinstance(plain, list):
        return ", ".join(map(str, plain))
    return "" if plain is None else str(plain)


def _plain(value: Value) -> Value:
    return value.isoformat() if isinstance(value, datetime | date) else value
