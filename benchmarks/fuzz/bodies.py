"""Good bodies of requests, and a payment provider whose clock stands: what nonsense is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import create_engine

from app.payments.sandbox import SandboxProvider
from app.settings import Settings
from locker_protocol.clock import Now

WEBHOOK_BODY = b'{"event_id": "evt_0190f0a1", "ref": "sb_0190f0a2", "type": "charge.changed"}'

API_BODIES: Mapping[str, Sequence[dict[str, Any]]] = {
    "WantedOrder": [
        {
            "window_id": 3,
            "lines": [{"product_id": "milk", "quantity": 2}, {"product_id": "egg", "quantity": 1}],
            "low_door": True,
            "substitution": "similar",
        }
    ],
    "SignIn": [{"request_id": "r-1", "code": "123456"}],
    "DoorsWanted": [{"doors": [1, 2, 3], "right": "check", "reason": "to wipe them"}],
    "VisitEnd": [{"crates_back": 3, "ice_packs_back": 2, "note": "all well 都好"}],
    "ScannedPick": [{"product_id": "milk", "label": "P1-7-12-ABCD0001"}],
    "Reading": [{"scale_id": "S-1", "gross_g": 512, "tare_g": 12}],
    "Short": [{"missing": 1, "reason": "spoiled"}],
    "WantedTime": [{"to": "2026-11-22T18:00:00+08:00", "rate": 60}],
    "ProductsToPut": [
        {
            "products": [
                {
                    "id": "hami-melon",
                    "category_id": "fruit",
                    "name_zh": "哈密瓜",
                    "name_en": "Hami melon",
                    "unit_zh": "个",
                    "unit_en": "each",
                    "origin_zh": "新疆",
                    "origin_en": "Xinjiang",
                    "search": "melon",
                    "price_minor": 1990,
                    "unit_price_minor": 995,
                    "unit_price_per": "kg",
                    "tax_code": "vat-exempt",
                    "food_class": "cool_sensitive",
                    "zone": "cool",
                    "tolerates": {"ambient": 24, "chilled": -1},
                    "life_h": 120,
                    "volume_ml": 4000,
                    "longest_mm": 240,
                    "weight_g": 2000,
                    "flags": ["smells"],
                    "stock_a_run": 30,
                }
            ]
        }
    ],
}
LOCKER_BODIES: Mapping[str, Sequence[dict[str, Any]]] = {
    "ScanRequest": [{"text": "P1-7-12-ABCD0001"}],
    "KeysRequest": [{"key": "enter"}, {"digits": "07 482 193"}],
    "DoorRequest": [{"action": "shut"}],
    "SwitchRequest": [{"on": True}],
    "ZoneRequest": [{"ambient_c": 31.5, "target_c": 3.0, "warm_by_c": 2.0}],
}


class _Standing:
    def __init__(self, now_s: int) -> None:
        self._now = Now(now_s * 1000, 0)

    def now(self) -> Now:
        return self._now


def sandbox_at(now_s: int) -> tuple[SandboxProvider, int]:
    """The provider as it reads messages, and the time at which its clock stands. It has no database to write to."""
    settings = Settings(
        "",
        "",
        "s0",
        "",
        {},
        1,
        "http://127.0.0.1",
        "a secret",
        None,
        None,
        demo=True,
        locker_pages={},
        metrics_port=None,
    )
    return SandboxProvider(
        create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none"), _Standing(now_s), settings
    ), now_s
