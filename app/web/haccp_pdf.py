"""The HACCP log as a PDF: A4 across, headed by site and month on each page, ready to sign.

Chinese is set in a typeface that PDF readers bring along (STSong), so that no font of ours travels in the file.
"""

from io import BytesIO
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

from flask_babel import gettext as _
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from app.db.pages.haccp import HaccpLog
from app.web.haccp_rows import Entry, zone_word
from app.web.language import short
from app.web.page import celsius, date_and_time, local

HAN = "STSong-Light"
LATIN = "Helvetica"
MARGIN = 12 * mm
SMALL = ParagraphStyle("small", fontName=LATIN, fontSize=7.5, leading=9.5)
BOLD = ParagraphStyle("bold", parent=SMALL, fontName="Helvetica-Bold")
TITLE = ParagraphStyle("title", fontName=LATIN, fontSize=15, leading=20)
HEADING = ParagraphStyle("heading", fontName=LATIN, fontSize=11, leading=16, spaceBefore=8, spaceAfter=4)
LINES = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.3, colors.grey),
        ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        *((f"{side}PADDING", (0, 0), (-1, -1), 2) for side in ("TOP", "BOTTOM")),
    ]
)
ENTRY_WIDTHS = (26, 20, 32, 34, 30, 14, 38, 36, 18, 25)
DAY_WIDTHS = (26, 60, 30, 26, 26, 26, 26, 26, 27)


def haccp_pdf(log: HaccpLog, entries: list[Entry]) -> bytes:
    """Set the log. Takes about a second a thousand rows."""
    pdfmetrics.registerFont(UnicodeCIDFont(HAN))
    file = BytesIO()
    title = f"{_('HACCP log')} · {local(log.site)} · {log.month:%Y-%m}"
    document = SimpleDocTemplate(
        file,
        pagesize=landscape(A4),
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN + 4 * mm,
        bottomMargin=MARGIN + 4 * mm,
        title=title,
        author="Caibox",
    )

    def every_page(canvas: Any, page: Any) -> None:  # noqa: ANN401  reportlab has no types
        canvas.saveState()
        canvas.setFont(HAN, 8)
        canvas.drawString(MARGIN, landscape(A4)[1] - MARGIN, title)
        canvas.drawRightString(landscape(A4)[0] - MARGIN, MARGIN, str(page.page))
        canvas.restoreState()

    document.build(_story(log, entries, title), onFirstPage=every_page, onLaterPages=every_page)
    return file.getvalue()


def marked(words: str) -> str:
    """Words for a paragraph: what Latin letters cannot write is set in Chinese type.

    A true minus stands in neither typeface as it should; a dash does. Chinese lines break anywhere, but not within ℃.
    """
    said = words.replace("−", "–")
    runs = groupby(said.replace(" °C", "℃") if short() == "zh" else said, key=_is_latin)
    return "".join(
        escape("".join(run)) if latin else f'<font name="{HAN}">{escape("".join(run))}</font>' for latin, run in runs
    )


def _is_latin(letter: str) -> bool:
    return ord(letter) < 0x100 or letter in "–’‘“”…"


def _story(log: HaccpLog, entries: list[Entry], title: str) -> list[Any]:
    zone = log.site.timezone
    made = _("From %(since)s to %(until)s.", since=date_and_time(log.since, zone), until=date_and_time(log.until, zone))
    return [
        Paragraph(marked(title), TITLE),
        Paragraph(marked(f"{local(log.site, 'address')}. {made} " + _version(log)), SMALL),
        Paragraph(marked(_("Deviations, alarms and crates received")), HEADING),
        _entries_table(log, entries) if entries else Paragraph(marked(_("None in this time.")), SMALL),
        Paragraph(marked(_("Each zone, day by day")), HEADING),
        _days_table(log),
        Spacer(1, 10 * mm),
        Paragraph(marked(_("Looked through by, on: ______________________________")), SMALL),
    ]


def _version(log: HaccpLog) -> str:
    return str(_("Limits: version %(number)s.", number=log.policy.version))


def _entries_table(log: HaccpLog, entries: list[Entry]) -> Table:
    heads = entry_heads()
    rows = [
        [
            date_and_time(one.at, log.site.timezone),
            one.point,
            one.place,
            one.limit,
            one.observed,
            "" if one.lasted is None else str(one.lasted),
            one.product,
            one.action,
            one.who,
            one.verified,
        ]
        for one in entries
    ]
    return _table(heads, rows, ENTRY_WIDTHS)


def entry_heads() -> list[str]:
    """What the columns of the log are called."""
    return [
        _("Time"),
        _("Control point"),
        _("Where"),
        _("Limit"),
        _("Observed"),
        _("Minutes"),
        _("Product"),
        _("Corrective action"),
        _("Who"),
        _("Verification"),
    ]


def day_heads() -> list[str]:
    """What the columns of the days are called."""
    return [
        _("Date"),
        _("Locker"),
        _("Zone"),
        _("Limit"),
        _("Coldest"),
        _("Mean"),
        _("Warmest"),
        _("Minutes above"),
        _("Minutes unknown"),
    ]


def _days_table(log: HaccpLog) -> Table:
    rows = [
        [
            each.day.isoformat(),
            local({"name_zh": each.locker_zh, "name_en": each.locker_en}),
            zone_word(each.zone),
            celsius(each.limit_c),
            *("–" if value is None else celsius(value) for value in (each.low_c, each.mean_c, each.high_c)),
            str(each.above),
            str(each.unknown),
        ]
        for each in log.days
    ]
    return _table(day_heads(), rows, DAY_WIDTHS)


def _table(heads: list[str], rows: list[list[str]], widths: tuple[int, ...]) -> Table:
    wraps = "CJK" if short() == "zh" else None
    bold, small = ParagraphStyle("bold", BOLD, wordWrap=wraps), ParagraphStyle("small", SMALL, wordWrap=wraps)
    said = [[Paragraph(marked(head), bold) for head in heads]]
    said += [[Paragraph(marked(cell), small) for cell in row] for row in rows]
    return Table(said, colWidths=[width * mm for width in widths], repeatRows=1, style=LINES)
