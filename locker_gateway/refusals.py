"""No, and why: at the locker, to the service, and in numbers when somebody floods it.

The first refusal of a kind is told at once; those that follow within a minute are counted and told as one event, so
that no flood can fill the disk.
"""

from locker_gateway.state import RefusalCount, RefusalKey
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import Show
from locker_protocol.site_events import AccessRefused
from locker_protocol.vocabulary import Refusal, Via

AGGREGATE_MS = 60_000
# Beyond so many different refusals in a minute the order and the person are no longer told apart.
MAX_KINDS = 256


class Refused(Exception):
    """Nothing opens. Raised by the rule that says no; `wait_s` where one may try again."""

    def __init__(
        self, refusal: Refusal, *, order_id: str | None = None, actor: str | None = None, wait_s: int = 0
    ) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.order_id = order_id
        self.actor = actor
        self.wait_s = wait_s


def refuse(turn: Turn, controller: str | None, via: Via, refused: Refused) -> None:
    """Record a refusal and, where it happened at a locker, show it there."""
    if via is not Via.REMOTE and controller is not None:
        turn.command(controller, Show("refused", refusal=refused.refusal, wait_s=refused.wait_s), qos=0)
    _count(turn, (controller, via, refused.refusal, refused.order_id, refused.actor))
    turn.say(
        "access_refused",
        order_id=refused.order_id,
        controller=controller,
        via=via,
        refusal=refused.refusal,
        actor=refused.actor,
    )


def write_counts(turn: Turn) -> None:
    """Write what was counted in the minutes that are over."""
    for key, count in list(turn.site.refusals.items()):
        if turn.ms - count.since_ms < AGGREGATE_MS:
            continue
        del turn.site.refusals[key]
        if count.unwritten:
            _tell(turn, key, count.unwritten)


def _count(turn: Turn, key: RefusalKey) -> None:
    counts = turn.site.refusals
    if key not in counts and len(counts) >= MAX_KINDS:
        key = (key[0], key[1], key[2], None, None)
    if key in counts:
        counts[key].unwritten += 1
        return
    _tell(turn, key, 1)
    counts[key] = RefusalCount(turn.ms)


def _tell(turn: Turn, key: RefusalKey, times: int) -> None:
    controller, via, refusal, order_id, actor = key
    turn.event(AccessRefused(controller, via, refusal, times, order_id, actor))
