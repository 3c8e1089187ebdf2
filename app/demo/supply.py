"""The demo's suppliers, what each brings, and the lots that came this morning. Invented and plausible for Suzhou.

Lots are the day's: their ids name the local date, so a second seed of the same day writes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
PIECES = 60


@dataclass(frozen=True, slots=True)
class DemoSupplier:
    """Who brings goods; the margin in percent."""

    id: str
    name_zh: str
    name_en: str
    margin_percent: int
    brings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoLot:
    """A lot as it comes each morning: picked at this hour, good for so many days from today."""

    product_id: str
    suffix: str
    origin_zh: str
    origin_en: str
    grower: str
    harvested: time
    good_for_days: int


SUPPLIERS = (
    DemoSupplier(
        "kunshan-greens",
        "昆山周庄蔬菜合作社",
        "Zhouzhuang growers, Kunshan",
        10,
        (
            "pak-choi",
            "spinach",
            "celery",
            "pea-shoots",
            "coriander",
            "chinese-chives",
            "basil",
            "salad-mix",
            "broccoli",
        ),
    ),
    DemoSupplier(
        "shouguang",
        "寿光大棚直供",
        "Shouguang greenhouses",
        5,
        ("tomatoes", "cucumbers", "aubergines", "green-peppers", "carrots", "potatoes", "onions"),
    ),
    DemoSupplier(
        "huaian-meat",
        "淮安放心肉",
        "Huai’an butchers",
        0,
        ("pork-belly", "minced-pork", "pork-ribs", "yellow-chicken", "chicken-legs"),
    ),
    DemoSupplier("changfeng-berries", "长丰草莓园", "Changfeng berry farm", 5, ("strawberries", "blueberries")),
)
LOTS = (
    DemoLot("pak-choi", "A", "江苏昆山周庄", "Zhouzhuang, Kunshan", "沈家田", time(4, 40), 3),
    DemoLot("pak-choi", "B", "江苏昆山张浦", "Zhangpu, Kunshan", "浦东圩", time(5, 30), 4),
    DemoLot("spinach", "A", "江苏太仓", "Taicang, Jiangsu", "双凤菜园", time(5, 10), 3),
    DemoLot("tomatoes", "A", "山东寿光", "Shouguang, Shandong", "稻田镇 3 号棚", time(3, 0), 6),
    DemoLot("cucumbers", "A", "山东聊城", "Liaocheng, Shandong", "莘县 12 号棚", time(3, 20), 5),
    DemoLot("strawberries", "A", "安徽长丰", "Changfeng, Anhui", "水湖三队", time(5, 0), 3),
    DemoLot("pork-belly", "A", "江苏淮安", "Huai’an, Jiangsu", "淮阴屠宰场", time(2, 0), 3),
)


def supplier_of(product_id: str) -> str | None:
    """Who brings a product."""
    return next((one.id for one in SUPPLIERS if product_id in one.brings), None)


def supplier_rows() -> Iterator[Mapping[str, Any]]:
    """Suppliers as the database has them."""
    for one in SUPPLIERS:
        names = {"name_zh": one.name_zh, "name_en": one.name_en}
        yield {"id": one.id, "margin_percent": one.margin_percent, **names}


def lot_rows(now: datetime) -> Iterator[Mapping[str, Any]]:
    """This morning's lots as the database has them."""
    today = now.astimezone(ZONE).date()
    for one in LOTS:
        code = f"{today:%m%d}-{one.suffix}"
        harvested = datetime.combine(today, one.harvested, ZONE).astimezone(UTC)
        yield {
            "id": f"{one.product_id}-{today:%Y%m%d}-{one.suffix}",
            "product_id": one.product_id,
            "supplier_id": supplier_of(one.product_id),
            "code": code,
            "origin_zh": one.origin_zh,
            "origin_en": one.origin_en,
            "grower": one.grower,
            "harvested_at": min(harvested, now),
            "certificate": f"HGZ-{today:%y%m%d}{one.suffix}",
            "expires_on": today + timedelta(days=one.good_for_days),
            "received_at": now,
            "received": PIECES,
        }
