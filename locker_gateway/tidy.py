"""Forgets what nobody can ask for any more, and makes room while there is still some.

Never an event not acknowledged, never the audit, never a parcel that lies here. What is thinned when the store fills
is the second copy of what the service has: acknowledged events, which only a restored service would ask for again.
"""

from locker_gateway import doubts
from locker_gateway.cold import gate, thinning
from locker_gateway.outputs import PruneEvents
from locker_gateway.turn import Turn

EVERY_MS = 600_000
DAY_MS = 86_400_000
# A restored service may want a month of events again; a label or code of last week is only ever asked for by mistake.
EVENTS_KEPT_MS = 30 * DAY_MS
TOLD_KEPT_MS = 7 * DAY_MS
GONE_KEPT_MS = 3 * DAY_MS
ANSWERS_KEPT_MS = DAY_MS
# How long acknowledged events stay once the store uses this share of its quota; fullest first.
EVENTS_KEPT_WHEN_FULL = ((0.95, 3_600_000), (0.9, DAY_MS), (0.8, 7 * DAY_MS))


def tidy_when_due(turn: Turn) -> None:
    """Every ten minutes of real time."""
    site = turn.site
    if site.tidied_ms is not None and turn.ms - site.tidied_ms < EVERY_MS:
        return
    site.tidied_ms = turn.ms
    _forget_parcels(turn)
    _leave_doubts(turn)
    _forget_codes(turn)
    for command_id, answer in list(site.answers.rows.items()):
        if turn.civil_ms - answer.at > ANSWERS_KEPT_MS:
            turn.delete(site.answers, command_id)
    gate.forget(turn)
    thinning.forget_old(turn)
    turn.outputs.append(PruneEvents(site.mark, turn.civil_ms - EVENTS_KEPT_MS))


def make_room(turn: Turn, share: float) -> None:
    """Keep minutes, then acknowledged events, for a shorter time while the store uses so much of its quota."""
    thinning.make_room(turn, share)
    kept_ms = next((kept_ms for full, kept_ms in EVENTS_KEPT_WHEN_FULL if share >= full), None)
    if kept_ms is not None:
        turn.outputs.append(PruneEvents(turn.site.mark, turn.civil_ms - kept_ms))
        turn.say("store_fills", level="warning", share=round(share, 3), events_kept_h=kept_ms // 3_600_000)


def _forget_parcels(turn: Turn) -> None:
    site = turn.site
    for parcel_id, placement in list(site.placements.rows.items()):
        if not placement.lies and turn.civil_ms - placement.changed_at > GONE_KEPT_MS:
            turn.delete(site.placements, parcel_id)
            site.collected_ms.pop(parcel_id, None)
            turn.delete(site.parcels, parcel_id)
    for parcel_id, parcel in list(site.parcels.rows.items()):
        if turn.civil_ms - parcel.collect_until > TOLD_KEPT_MS and parcel_id not in site.placements.rows:
            turn.delete(site.parcels, parcel_id)


def _leave_doubts(turn: Turn) -> None:
    """A label that is not accepted any more cannot end a doubt."""
    for doubt in list(turn.site.doubts.rows.values()):
        parcel = turn.site.parcels.rows.get(doubt.parcel_id)
        if parcel is None or parcel.loadable_until < turn.civil_ms:
            doubts.leave(turn, doubt)


def _forget_codes(turn: Turn) -> None:
    site = turn.site
    needed = {each.order_id for each in site.placements.rows.values()}
    needed |= {each.order_id for each in site.parcels.rows.values()}
    for order_id, credential in list(site.credentials.rows.items()):
        if turn.civil_ms - credential.expires_at > TOLD_KEPT_MS and order_id not in needed:
            turn.delete(site.credentials, order_id)
    needed |= set(site.credentials.rows)
    for order_id, code in list(site.codes.rows.items()):
        if order_id not in needed:
            turn.delete(site.codes, order_id)
            for credential_id in code.ids:
                site.order_of_id.pop(credential_id, None)
