"""Everything we hold about one person, as they may take it with them: rows in sections, named in both languages.

Reads only. The sections stand here as data; tests/privacy holds them against docs/privacy.md, so that no column with
something personal is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from app.domain.erasing import UnderWay
from app.domain.order_state import FINAL_ORDER_STATES

ME = text("""
    SELECT p.phone, p.mail, p.display_name, p.language, p.role, p.created_at, s.name_zh, s.name_en, s.timezone
    FROM person p LEFT JOIN site s ON s.id = p.site_id WHERE p.id = :person AND p.erased_at IS NULL
""")
UNDER_WAY = text("""
    SELECT o.order_no, s.timezone,
        CASE o.state WHEN 'awaiting_payment' THEN o.hold_until ELSE r.removal_from END AS until
    FROM customer_order o JOIN load_run r ON r.run_no = o.run_no JOIN site s ON s.id = o.site_id
    WHERE o.person_id = :person AND NOT o.state = ANY (CAST(:final AS text[])) ORDER BY o.id
""")
PHOTOS = text("""
    SELECT p.id, p.jpeg FROM photo p JOIN parcel x ON x.id = p.parcel_id JOIN customer_order o ON o.id = x.order_id
    WHERE o.person_id = :person
    UNION ALL SELECT p.claim_id, p.jpeg FROM claim_photo p JOIN claim c ON c.id = p.claim_id
    JOIN customer_order o ON o.id = c.order_id WHERE o.person_id = :person
    UNION ALL SELECT q.id, q.photo FROM quarantine q JOIN customer_order o ON o.id = q.order_id
    WHERE o.person_id = :person AND q.photo IS NOT NULL ORDER BY id
""")


@dataclass(frozen=True, slots=True)
class Label:
    """A name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of thing we hold: its name, where it is read from, and what its columns are called."""

    key: str
    label: Label
    query: str  # its columns in the order of `columns`; `:person` is whose
    columns: Mapping[str, Label]


@dataclass(frozen=True, slots=True)
class Held:
    """A section with what was found."""

    section: Section
    rows: Sequence[Row[Any]]


def _labels(**names: str) -> dict[str, Label]:
    """`column="中文 | English"`."""
    return {column: Label(*(part.strip() for part in both.split("|"))) for column, both in names.items()}


ORDER = _labels(order_no="订单号 | Order")
SECTIONS = (
    Section(
        "account",
        Label("账户", "Account"),
        """
        SELECT p.phone, p.mail, p.display_name, concat_ws(' ', s.name_zh, s.name_en) AS building, p.language, p.role,
            p.low_door, p.created_at
        FROM person p LEFT JOIN site s ON s.id = p.site_id WHERE p.id = :person
        """,
        _labels(
            phone="手机号 | Phone",
            mail="邮箱 | Mail address",
            display_name="称呼 | Name",
            building="小区 | Building",
            language="语言 | Language",
            role="身份 | Role",
            low_door="要低处的门 | Low door wanted",
            created_at="注册时间 | Since",
        ),
    ),
    Section(
        "sessions",
        Label("登录", "Signed in"),
        "SELECT made_at, expires_at FROM web_session WHERE person_id = :person ORDER BY made_at",
        _labels(made_at="登录时间 | Since", expires_at="有效期至 | Until"),
    ),
    Section(
        "sign_in_codes",
        Label("登录验证码(只存校验值)", "Sign-in codes (only a check value is kept)"),
        """
        SELECT c.contact, c.made_at, c.expires_at, c.used_at, c.tries FROM sign_in_code c
        JOIN person p ON c.contact IN (p.phone, p.mail) WHERE p.id = :person ORDER BY c.made_at
        """,
        _labels(
            contact="发往 | Sent to",
            made_at="发送时间 | Sent",
            expires_at="有效期至 | Until",
            used_at="使用时间 | Used",
            tries="输错次数 | Wrong tries",
        ),
    ),
    Section(
        "orders",
        Label("订单", "Orders"),
        """
        SELECT o.order_no, concat_ws(' ', s.name_zh, s.name_en) AS building, o.placed_at, w.opens_at, w.closes_at,
            o.state, o.total_minor, o.currency, o.substitution, o.low_door, o.guest_contact
        FROM customer_order o JOIN site s ON s.id = o.site_id JOIN pickup_window w ON w.id = o.window_id
        WHERE o.person_id = :person ORDER BY o.placed_at, o.id
        """,
        ORDER
        | _labels(
            building="小区 | Building",
            placed_at="下单时间 | Placed",
            opens_at="取货时段开始 | Window from",
            closes_at="取货时段结束 | Window until",
            state="状态 | State",
            total_minor="金额(分) | Total (minor units)",
            currency="币种 | Currency",
            substitution="缺货时 | When short",
            low_door="要低处的门 | Low door wanted",
            guest_contact="未登录下单时留的 | Given without signing in",
        ),
    ),
    Section(
        "lines",
        Label("订单里的商品", "What was ordered"),
        """
        SELECT o.order_no, concat_ws(' ', d.name_zh, d.name_en) AS product, l.quantity, l.line_minor, l.picked_quantity,
            l.weight_g, l.short_reason, concat_ws(' ', b.name_zh, b.name_en) AS substitute, l.substitute_quantity
        FROM order_line l JOIN customer_order o ON o.id = l.order_id JOIN product d ON d.id = l.product_id
        LEFT JOIN product b ON b.id = l.substitute_id WHERE o.person_id = :person ORDER BY o.placed_at, o.id, l.line_no
        """,
        ORDER
        | _labels(
            product="商品 | Product",
            quantity="份数 | Quantity",
            line_minor="金额(分) | Amount (minor units)",
            picked_quantity="实装 | Packed",
            weight_g="实重(克) | Weight (g)",
            short_reason="缺货原因 | Why short",
            substitute="替换品 | Substitute",
            substitute_quantity="替换份数 | Substitutes",
        ),
    ),
    Section(
        "parcels",
        Label("包", "Parcels"),
        """
        SELECT o.order_no, x.ref, x.state, x.zone, x.door, x.packed_at, x.loaded_at, x.opened_at, x.collected_at,
            x.collect_until, x.discarded_for
        FROM parcel x JOIN customer_order o ON o.id = x.order_id WHERE o.person_id = :person ORDER BY o.placed_at, x.ref
        """,
        ORDER
        | _labels(
            ref="包号 | Parcel",
            state="状态 | State",
            zone="温区 | Zone",
            door="柜门 | Door",
            packed_at="打包 | Packed",
            loaded_at="放入柜子 | Loaded",
            opened_at="开门 | Opened",
            collected_at="取走 | Collected",
            collect_until="最晚取货 | Collect until",
            discarded_for="处理原因 | Thrown away because",
        ),
    ),
    Section(
        "moves",
        Label("订单经过", "What happened to your orders"),
        """
        SELECT o.order_no, h.at, h.subject, h.event, h.to_state
        FROM history h JOIN customer_order o ON o.id = h.order_id WHERE o.person_id = :person ORDER BY h.id
        """,
        ORDER
        | _labels(
            at="时间 | At",
            subject="对象 | Of what",
            event="发生了什么 | What happened",
            to_state="之后的状态 | Then it was",
        ),
    ),
    Section(
        "payments",
        Label("付款", "Payments"),
        """
        SELECT o.order_no, p.provider, p.provider_ref, p.state, p.amount_minor, p.currency, p.made_at FROM payment p
        JOIN customer_order o ON o.id = p.order_id WHERE o.person_id = :person ORDER BY p.made_at, p.id
        """,
        ORDER
        | _labels(
            provider="支付渠道 | Provider",
            provider_ref="渠道单号 | Provider's reference",
            state="状态 | State",
            amount_minor="金额(分) | Amount (minor units)",
            currency="币种 | Currency",
            made_at="时间 | At",
        ),
    ),
    Section(
        "refunds",
        Label("退款", "Refunds"),
        """
        SELECT r.refund_no, o.order_no, r.cause, r.reason, r.amount_minor, r.currency, r.decided_at, r.done_at
        FROM refund r JOIN customer_order o ON o.id = r.order_id WHERE o.person_id = :person ORDER BY r.decided_at, r.id
        """,
        _labels(refund_no="退款号 | Refund")
        | ORDER
        | _labels(
            cause="类别 | Kind",
            reason="说明 | Reason",
            amount_minor="金额(分) | Amount (minor units)",
            currency="币种 | Currency",
            decided_at="决定 | Decided",
            done_at="退回 | Done",
        ),
    ),
    Section(
        "claims",
        Label("您反映过的问题", "What you told us was wrong"),
        """
        SELECT o.order_no, c.made_at, concat_ws(' ', d.name_zh, d.name_en) AS product, c.kind, c.quantity, c.words,
            c.state, c.answer, c.granted_minor, c.currency
        FROM claim c JOIN customer_order o ON o.id = c.order_id JOIN order_line l USING (order_id, line_no)
        JOIN product d ON d.id = l.product_id WHERE o.person_id = :person ORDER BY c.made_at, c.id
        """,
        ORDER
        | _labels(
            made_at="时间 | At",
            product="商品 | Product",
            kind="问题 | What was wrong",
            quantity="份数 | Quantity",
            words="您的说明 | Your words",
            state="状态 | State",
            answer="答复 | Answer",
            granted_minor="退回(分) | Given back (minor units)",
            currency="币种 | Currency",
        ),
    ),
    Section(
        "codes",
        Label("取件码(不含密码)", "Pickup codes (without their secrets)"),
        """
        SELECT o.order_no, k.handle, k.generation, k.made_at, k.expires_at, k.ended_at FROM credential k
        JOIN customer_order o ON o.id = k.order_id WHERE o.person_id = :person ORDER BY k.made_at, k.id
        """,
        ORDER
        | _labels(
            handle="编号 | Handle",
            generation="代 | Generation",
            made_at="生成 | Made",
            expires_at="有效期至 | Until",
            ended_at="失效 | Ended",
        ),
    ),
    Section(
        "openings",
        Label("为您的订单开过的门", "Doors opened for your orders"),
        """
        SELECT o.order_no, to_timestamp(a.at_ms / 1000.0) AS at, a.act, a."right", a.doors, a.why FROM audit a
        JOIN customer_order o ON o.id = a.order_id WHERE o.person_id = :person ORDER BY a.at_ms, a.no
        """,
        ORDER
        | _labels(
            at="时间 | At", act="事项 | Act", right="权限 | By what right", doors="柜门 | Doors", why="原因 | Why"
        ),
    ),
    Section(
        "offers",
        Label("请您选择过的", "Choices put to you"),
        """
        SELECT o.order_no, f.kind, f.options, f.made_at, f.answer_by, f.chosen FROM offer f
        JOIN customer_order o ON o.id = f.order_id WHERE o.person_id = :person ORDER BY f.made_at, f.id
        """,
        ORDER
        | _labels(
            kind="事由 | About",
            options="可选 | Options",
            made_at="时间 | At",
            answer_by="截止 | Answer by",
            chosen="您的选择 | Chosen",
        ),
    ),
    Section(
        "notices",
        Label("发给您的通知", "What we told you"),
        """
        SELECT n.made_at, n.kind, n.contact, n.subject, n.body, n.sent_at, n.failed FROM notification n
        JOIN person p ON p.id = :person
        WHERE n.person_id = p.id OR (n.person_id IS NULL AND n.contact IN (p.phone, p.mail)) ORDER BY n.made_at, n.id
        """,
        _labels(
            made_at="时间 | At",
            kind="种类 | Kind",
            contact="发往 | Sent to",
            subject="标题 | Subject",
            body="内容 | Text",
            sent_at="发出 | Sent",
            failed="失败原因 | Failed because",
        ),
    ),
    Section(
        "looks",
        Label("柜长当面查过您的订单", "A keeper looked your order up with you"),
        """
        SELECT o.order_no, k.at FROM keeper_look k JOIN customer_order o ON o.id = k.order_id
        WHERE o.person_id = :person ORDER BY k.at
        """,
        ORDER | _labels(at="时间 | At"),
    ),
    Section(
        "repeats",
        Label("防重复的记录", "Kept so that nothing is done twice"),
        """
        SELECT made_at, answer FROM idempotent_request WHERE person_id = :person
        UNION ALL SELECT made_at, to_jsonb(convert_from(answer, 'UTF8')) FROM answered_request WHERE person_id = :person
        ORDER BY made_at
        """,
        _labels(made_at="时间 | At", answer="回答 | Answer"),
    ),
    Section(
        "changes",
        Label("工作人员改动过您的账户", "What staff changed of your account"),
        """
        SELECT at, field, before, after, reason FROM change
        WHERE subject = 'person' AND subject_id = :person ORDER BY id
        """,
        _labels(
            at="时间 | At", field="项目 | Field", before="之前 | Before", after="之后 | After", reason="原因 | Reason"
        ),
    ),
)


def me(conn: Connection, *, person_id: str) -> Row[Any] | None:
    """A person's own account, as its page shows it."""
    return conn.execute(ME, {"person": person_id}).one_or_none()


def held(conn: Connection, *, person_id: str) -> list[Held]:
    """All sections, in their order, empty ones too."""
    return [Held(section, conn.execute(text(section.query), {"person": person_id}).all()) for section in SECTIONS]


def photos(conn: Connection, *, person_id: str) -> Sequence[Row[Any]]:
    """The photos of their parcels: id and JPEG."""
    return conn.execute(PHOTOS, {"person": person_id}).all()


def under_way(conn: Connection, *, person_id: str) -> list[UnderWay]:
    """A person's orders that are not over."""
    final = {"person": person_id, "final": [state.value for state in FINAL_ORDER_STATES]}
    return [
        UnderWay(order_no=row.order_no, until=row.until, timezone=row.timezone)
        for row in conn.execute(UNDER_WAY, final)
    ]
