"""Every refusal as a sentence a person can act on, in both languages: what happened, and what to do now.

The table is by stable code; English is the message id. A test walks all subclasses of DomainError and all of the
protocol's refusals, so a rule without its sentence cannot be merged.
"""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from app.domain.errors import DomainError
from app.web.language import short
from locker_protocol.vocabulary import Refusal

WORDS: Mapping[str, LazyString] = {
    # requests
    "bad_request": _l("We could not read what was sent. Go back, check it and send it again."),
    "not_found": _l("There is nothing at this address, or it is not yours to see."),
    "method_not_allowed": _l("This address cannot be used that way. Go back and try from the page itself."),
    "not_acceptable": _l("We answer in JSON only. Ask for application/json."),
    "changed_meanwhile": _l("Somebody changed it meanwhile; nothing was done. Read it again and look."),
    "if_match_needed": _l("Say with If-Match which state you change; its ETag stands in the answer that showed it."),
    "too_large": _l("That is too much at once. Send less and try again."),
    "unsupported_media_type": _l("This address does not take that kind of content."),
    "too_many_requests": _l("That was too often in a short time. Wait a minute and try again."),
    "unavailable": _l("A service we depend on does not answer. Nothing is lost; try again in a minute."),
    "unexpected": _l("Something failed on our side. Your order is safe. Ref %(reference)s."),
    # signing in
    "contact_unreadable": _l("Enter a phone number (11 digits in China) or a mail address."),
    "too_many_codes": _l("Five codes were sent within an hour. Use the newest, or wait %(minutes)s minutes."),
    "too_many_guest_orders": _l(
        "Three orders were made this way within a day. Sign in with a code to order more, or wait %(hours)s hours."
        " Your basket is kept."
    ),
    "guests_hold_too_much": _l(
        "Many people are paying for that time without an account right now. Sign in with a code and go first, choose"
        " another time, or try again in ten minutes. Your basket is kept."
    ),
    "code_wrong": _l("That is not the code we sent. Check the digits; %(tries_left)s tries are left."),
    "code_over": _l("That code is used up or too old. Have a new one sent."),
    # one's own account
    "name_unreadable": _l("A name has at most %(most)s letters. Shorten it, or leave it empty."),
    "not_sure": _l("Erasing cannot be undone. Tick the box if you are sure."),
    "order_under_way": _l(
        "Order %(order_no)s is still under way. It is over by %(until)s at the latest; then your account can be erased."
    ),
    "money_under_way": _l(
        "Refund %(refund_no)s is still on its way to you. Your account can be erased once it arrived."
    ),
    "claim_waiting": _l(
        "Somebody still looks into what you told us of order %(order_no)s."
        " Your account can be erased once that is answered."
    ),
    "staff_account": _l("You work here with this account. Ask an administrator to end that first."),
    # ordering
    "nothing_in_basket": _l("There is nothing in the basket to order."),
    "quantity_absurd": _l("How many must be a whole number from 0 to %(most)s."),
    "too_many_lines": _l("One order holds at most %(most)s different things. Order these first."),
    "idempotency_key_invalid": _l("The order form was not whole. Reload the basket and order again."),
    "idempotency_key_reused": _l("This order was sent before with other things in it. Reload the basket and look."),
    "order_cycle_closed": _l("Orders for that time have closed. Choose a later one; your basket is kept."),
    # changing and cancelling what is paid
    "edit_closed": _l(
        "Orders for that time have closed, so nothing can be changed any more. Your order comes as it is."
    ),
    "not_to_be_edited": _l("Only an order that is paid and not packed can be changed. Its page shows where it stands."),
    "picking_began": _l("Somebody is packing it at this moment, so it cannot be changed any more. It comes as it is."),
    "moved_order": _l("This order was moved to another van and cannot be changed. You can still cancel it."),
    "partly_refunded": _l("Money of this order went back already, so it cannot be changed. You can still cancel it."),
    "nothing_changed": _l("That is what you ordered already. Nothing was changed."),
    "too_many_edits": _l("This order was changed too often. Cancel it and order anew."),
    "edit_meanwhile": _l("The order or a price changed in the meantime. Look at it again; nothing was done."),
    "not_to_be_cancelled": _l("There is nothing left to cancel. The order’s page shows where it stands."),
    "too_late_to_cancel": _l(
        "It is too late to cancel: nothing would come back. Your food is there for you to collect."
    ),
    "cancel_terms_changed": _l(
        "Meanwhile something else would come back. Look at the new amount; nothing was cancelled."
    ),
    "live_goods": _l("%(name)s is alive and no locker takes it. Buy it at the staffed table."),
    "product_unavailable": _l("One of the products is not sold at that time. Choose another time, or take it out."),
    "window_full": _l("That time is full now. Choose another; your basket is kept."),
    "run_full": _l("The lockers have no more room for this at that time. Choose a later time, or order less."),
    "sold_out": _l("%(name)s: only %(left)s left, and you want %(wanted)s."),
    "too_large_for_lockers": _l("%(name)s in that quantity fits behind no door. Order fewer."),
    "keeps_too_short": _l(
        "%(name)s would not stay fresh until that time ends. Choose an earlier time, or take it out."
    ),
    "no_handle_free": _l("The lockers have no pickup code free at the moment. Staff have been told."),
    "not_to_be_paid": _l("There is nothing to pay for this order any more. Its page shows where it stands."),
    "hold_prolonged": _l("Ten minutes more were given already. Pay now; what you chose is kept until then."),
    "hold_ended": _l("We kept it for ten minutes and nobody paid, so the food went back on the shelf. Order it again."),
    "door_not_stuck": _l("The door can be tried again: press its edge and open it once more."),
    "door_not_opened": _l("Door %(door)s did not open for this order a moment ago."),
    "no_live_code": _l("This order has no code at the moment. Its page says when there is one."),
    "too_many_codes_made": _l("This code was renewed too often. Call us and we open the door for you."),
    # the collect link and the page's stream
    "link_expired": _l("This link is too old. Ask whoever sent it for a new one, or sign in to see the order."),
    "too_many_topics": _l("No page shows more than %(most)s things at once."),
    # loading
    "label_malformed": _l("This is not one of our labels. Scan the label on the bag."),
    "label_unknown": _l("Nobody knows this bag. Put it aside and tell the office."),
    "label_other_site": _l("This bag belongs to another building."),
    "label_other_run": _l("This bag belongs to another run; it is not loaded now."),
    "label_not_packed": _l("This bag is not marked as packed yet."),
    "label_loaded": _l("This bag is loaded already."),
    "label_cancelled": _l("This order was cancelled. Take the bag back."),
    "label_in_hand": _l("Somebody else is loading this bag at the moment. Take the next one."),
    # alarms
    "alarm_over": _l("That is not wrong there any more. Look at what is left."),
    "silence_needs_end": _l("Nothing is silenced for ever: choose from one hour to %(hours)s."),
    "cold_number_unreadable": _l("Enter a number: degrees as 4 or -1.5, times in whole minutes."),
    "cold_policy_moved": _l("Somebody else changed the limits meanwhile. Look at them, and change yours again."),
    "cold_policy_same": _l("These are the limits that hold already. Nothing was changed."),
    "cold_limits_cross": _l("These limits make no sense together. Look at them again."),
    "class_missing": _l("A food class is missing. Reload the page and change it again."),
    "class_twice": _l("A food class stands there twice. Reload the page and change it again."),
    "limit_out_of_range": _l("No food is kept that cold or that warm. Enter from -60 to 90 °C."),
    "target_crosses": _l("The coldest must be below the warmest."),
    "time_out_of_range": _l("Enter at least one minute and at most seven days; none only for “at once”."),
    "limit_inside_target": _l("A limit lies inside where this food belongs; it must lie outside."),
    "warning_beyond_limits": _l(
        "People would be told too early or too late: warn between where it belongs and where it is kept shut."
    ),
    "discard_before_quarantine": _l(
        "It would be thrown away before it is kept shut: keep it shut at a milder limit, or sooner."
    ),
    "month_unreadable": _l("Choose a month of the last two years."),
    "stretch_unreadable": _l("That stretch of time cannot be shown. Choose one of the last 90 days."),
    # a visit
    "zone_too_warm": _l(
        "%(name)s, %(zone)s: %(degrees)s °C in there, so put nothing in. Keep the bag cold, and measure again later."
    ),
    "zone_unmeasured": _l(
        "%(name)s, %(zone)s: nobody knows how warm it is, so put nothing in. Keep the bag cold, and measure again."
    ),
    "crate_too_warm": _l(
        "%(zone)s: %(degrees)s °C in the crate, and at most %(limit)s °C may be loaded."
        " Take it back; nothing was opened."
    ),
    "crate_read_already": _l("That crate was measured at this visit already. Nothing was changed."),
    "gate_just_judged": _l("That was measured less than two minutes ago. Wait a moment and measure again."),
    "visit_over": _l("This visit has ended. Begin a new one."),
    "count_absurd": _l("Enter how many: a whole number from 0 to %(most)s."),
    "note_too_long": _l("The note is too long; at most %(most)s characters."),
    "record_unreadable": _l("A record of this phone cannot be read (%(field)s). Write it down and tell the office."),
    "record_id_reused": _l("Another record came under this number before; that one counts. Do it again."),
    "record_of_another": _l("Somebody else was signed in when this was kept. It is sent once they sign in here."),
    "too_many_records": _l("That is more than we take: %(most)s. It stays on this phone; send less at once."),
    "nothing_to_undo": _l("There is nothing to take back any more."),
    "door_in_hand": _l("Somebody else has opened door %(door)s. Take another one."),
    "not_due": _l("Door %(door)s: nothing there is to be taken out. Leave it shut."),
    "not_to_check": _l("Door %(door)s does not wait to be wiped, or a bag lies behind it."),
    "too_many_at_once": _l("At most %(most)s doors open together. Choose fewer."),
    # pictures
    "photo_unreadable": _l("That file is no picture we can read. Take the photo again."),
    "photo_too_large": _l("That picture is too large; at most %(most_mb)s MB. Take a smaller one."),
    # packing
    "wrong_product": _l("Wrong product: this is not %(name)s. Put it back and take the right one."),
    "wrong_tote": _l("Wrong bag: %(name)s does not go into %(ref)s."),
    "picked_already": _l("That is done already for %(ref)s."),
    "not_picked": _l("Nothing was marked there yet."),
    "must_be_weighed": _l("This is sold by weight. Weigh it first."),
    "lines_open": _l("Not everything is in it yet: %(left)s to go."),
    "missing_absurd": _l("Say how many: 1 to %(most)s."),
    "seal_absurd": _l("A seal’s number has at most %(most)s letters and digits."),
    "lot_not_for_this": _l("Lot %(lot)s is not for this: other goods, held back, recalled, or it expires too soon."),
    "lot_short": _l("At most %(left)s of lot %(lot)s can be in this line. Take the others from another lot."),
    "substitute_not_wanted": _l("This household wants the money instead. Mark it as missing."),
    "substitute_unsuitable": _l("That cannot be packed instead: another kind, temperature or shelf life."),
    "weight_absurd": _l("%(net_g)s g cannot be right (1 to %(most_g)s g). Check the scale and the tare."),
    "not_sold_by_weight": _l("This is counted, not weighed."),
    "scale_unknown": _l("There is no scale %(scale)s. Its number stands on its plate."),
    "scale_not_verified": _l("Scale %(scale)s was verified until %(until)s. Use another one."),
    # pictures
    # staff and the API
    "invalid_field": _l("%(field)s: %(reason)s"),
    "not_json": _l("The request must be JSON."),
    "unknown_category": _l("%(field)s: there is no category %(category)s."),
    "product_twice": _l("%(field)s: %(product)s stands in this request twice."),
    "no_such_jump": _l("The clock cannot jump there."),
    "too_many_endpoints": _l("There are %(most)s endpoints already. End one first."),
    "no_kind_chosen": _l("Choose at least one kind of event."),
    "webhook_address_refused": _l("We send only to public https addresses that a name server knows."),
    "not_dead": _l("This message was not given up: it has arrived or is still tried."),
    "request_key_reused": _l("That Idempotency-Key was used for another request. Make a new key for each."),
    "request_under_way": _l("The same request is being done at this moment. Ask again in a second."),
    "reason_needed": _l("Say why, in 5 to 200 characters; it is kept."),
    "personal_words": _l(
        "This is kept for good, so it must not say who somebody is: leave out names, phone numbers and mail addresses."
    ),
    # keepers
    "no_site": _l("You look after no building yet. Ask the office to give you one."),
    "look_wrong": _l("No order here has that number and goes with that. Check both; %(tries_left)s tries are left."),
    "too_many_waiting": _l("%(most)s of your openings wait for a second person already. Nothing was asked for."),
    "own_opening": _l("You asked for it yourself: somebody else must say yes or no."),
    "opening_decided": _l("Somebody has decided it already, or its five minutes are over."),
    "looks_paused": _l("Five looks were wrong. Wait %(minutes)s minutes, or call the office."),
    "look_over": _l("That was looked up too long ago. Ask again, with the person in front of you."),
    "nothing_to_hand_over": _l("Nothing of this order may be given out at the moment. Nothing was opened."),
    "no_door_chosen": _l("Choose at least one door."),
    "too_many_doors": _l("At most %(most)s doors at once: the food must stay cold in your hands."),
    "nothing_behind_door": _l("We know of no food behind door %(door)s. Nothing was opened."),
    "own_role": _l("Nobody changes their own role. Ask another administrator."),
    "last_admin": _l("This is the last administrator. Make somebody else one first."),
    "not_a_keeper": _l("Only keepers look after a site. Change the role first."),
    # food that is kept shut
    "kept_shut": _l("This is kept shut for food safety. Nothing of it is handed out."),
    "quarantine_over": _l("This was decided already. Nothing was changed."),
    "discard_line_crossed": _l("%(name)s must not be eaten any more and is never released. Take it out."),
    "probe_outside": _l("%(name)s: %(degrees)s °C is past its limit of %(limit)s °C. It cannot be released like that."),
    "probe_unlikely": _l("No food has that temperature. Enter %(least)s to %(most)s °C."),
    "degrees_unreadable": _l("Enter the temperature as a number, such as 3.5."),
    "photo_needed": _l("Take a photo of the food: nobody decides without one."),
    "nothing_ticked": _l("Tick what stays in the bag, or throw all of it away."),
    "not_in_bag": _l("That is not in this bag. Look at the list again."),
    # prices and stock
    "amount_unreadable": _l("Enter an amount above zero, such as 3.90."),
    "count_unreadable": _l("Enter a whole number from 0 to %(most)s."),
    "cap_below_price": _l("The most that is charged cannot be less than the price."),
    "run_closed": _l("Nobody can order for this run any more, so its stock stays as it is."),
    "stock_below_taken": _l("%(taken)s are ordered already. The stock cannot be less."),
    # suppliers and lots
    "recall_count_wrong": _l("%(orders)s orders have this lot now. Look at them, then type that number."),
    "lines_wrong": _l("Nothing was taken over: %(wrong)s of %(all)s lines have a mistake."),
    "supplier_field_wrong": _l("Fill this in, with at most %(most)s characters (a margin: 0 to %(most)s percent)."),
    "supplier_known": _l("There is a supplier of that name already."),
    # when something does not come as promised
    "choice_over": _l("This was answered already, or the time to answer is over. The page shows where it stands."),
    "choice_gone": _l("That is gone meanwhile. Here is what is left."),
    "run_over": _l("That run is over or was called off already."),
    "run_not_coming": _l("That van does not come any more. Choose another."),
    "delay_impossible": _l("That hour is past, or later than the leftovers are taken away. Call the run off instead."),
    "delay_too_small": _l("People are told again only for %(minutes)s minutes or more. Nothing was changed."),
    "cap_impossible": _l("How many orders must be a number from %(least)s to %(most)s."),
    # claims
    "claim_kind_unknown": _l("Say what is wrong with it."),
    "claim_line_unknown": _l("Choose what it is about."),
    "claim_quantity_absurd": _l("Say how many: 1 to %(most)s."),
    "claim_photo_needed": _l("Take one photo of it, please: that is how we can refund it at once."),
    "claim_words_too_long": _l("That is too long; at most %(most)s characters."),
    "claim_not_collected": _l("This was not collected yet. If something does not come, we tell you what we can do."),
    "claim_too_late": _l("The %(hours)s hours to tell us are over. Call the number on the locker."),
    "claim_nothing_left": _l("All of this went back already, or you told us already."),
    "claim_too_many": _l("You told us %(most)s things about this order. Call the number on the locker for more."),
    "site_rule_unreadable": _l("Enter a share from 0 to 100, such as 50; a tax may have two decimals, such as 9.5."),
    "site_rules_moved": _l("Somebody else changed these rules meanwhile. Look at them, and change yours again."),
    "site_rules_same": _l("These are the rules that hold already. Nothing was changed."),
    "fewer_back_later": _l("Nobody gets more back for cancelling later: enter at most what comes back before."),
    "claim_policy_absurd": _l("Enter a whole number from %(least)s to %(most)s."),
    "claim_answer_unknown": _l("Choose what the household is told."),
    "claim_alarm_over": _l("Somebody has closed this alarm already."),
    "claim_batch_changed": _l(
        "There are %(orders)s orders now, not %(shown)s. Look at them again; nothing was refunded."
    ),
    # money
    "more_than_left": _l("More than is left of this line. Look at what is left and enter less."),
    "still_handed_out": _l(
        "This line can still be collected, so not all of it can go back. Enter less, or withdraw the whole order."
    ),
    "withdrawal_under_way": _l("This order is being withdrawn already: what is left goes back by itself."),
    "refund_not_failed": _l("This refund has not failed, or is done. There is nothing to try again."),
    "difference_closed": _l("This difference is closed already. Nothing was changed."),
    "notice_not_failed": _l("This message was sent meanwhile, or is a sign-in code, which is over."),
    "nothing_to_refund": _l("There is nothing left to give back."),
    # rules
    "illegal_move": _l(
        "That is no longer possible: it has moved on meanwhile. Reload the page to see where it stands."
    ),
    "moved_meanwhile": _l("It has changed meanwhile; nothing was done. Reload the page and look."),
    "no_such_parcel_there": _l("The service does not know that parcel or locker there."),
    "unknown_parcel": _l("The service does not know that parcel there."),
    "not_for_you": _l("You are signed in, but this page is for other people. Sign in with another account to use it."),
    "sign_in_needed": _l("Please sign in first."),
}

ZONES: Mapping[str, LazyString] = {
    "frozen": _l("frozen"),
    "chilled": _l("chilled"),
    "cool": _l("cool"),
    "ambient": _l("ambient"),
}

REFUSALS: Mapping[Refusal, LazyString] = {
    Refusal.MALFORMED: _l("This is not one of our codes. Show the QR from your collect page."),
    Refusal.FORGED: _l("This code was not made by us. Show the QR from your collect page."),
    Refusal.UNKNOWN: _l("This locker does not know the code. Look at your order page for the right one."),
    Refusal.OTHER_SITE: _l("This code belongs to another building's lockers. Your order page says which."),
    Refusal.EXPIRED: _l("This code has expired. Get a new one on your order page."),
    Refusal.REVOKED: _l("This code was withdrawn. Your order page says why."),
    Refusal.SUPERSEDED: _l("There is a newer code for this order. Use the one on your order page."),
    Refusal.SPENT: _l("This order has been collected already."),
    Refusal.NOT_LOADED: _l("Your order is not in the locker yet. We will tell you when it is."),
    Refusal.WRONG_CODE: _l("That code is not right. Check the digits, or scan the QR."),
    Refusal.CODE_DEAD: _l("Too many wrong tries: the typed code has ended. The QR still works."),
    Refusal.WAIT: _l("Too many wrong tries. Wait a moment, or scan the QR."),
    Refusal.QUARANTINED: _l("This door was too warm and stays shut. We will tell you what happens with your order."),
    Refusal.NO_RIGHT: _l("This code does not open that."),
    Refusal.STAFF_ONLY: _l("The locker serves staff only at the moment. Please try again in a few minutes."),
    Refusal.TOO_LATE: _l("The request came too late, so nothing was opened. Try again."),
    Refusal.LOCKER_SILENT: _l("The locker does not answer. Nothing was opened."),
    Refusal.IN_PROGRESS: _l("Your doors are open already. Take your bags and shut them."),
    Refusal.TOO_MANY_PULSES: _l("The door was released three times and did not open. Please call for help."),
    Refusal.LABEL_MALFORMED: _l("This is not one of our labels. Scan the label on the bag."),
    Refusal.LABEL_OTHER_SITE: _l("This bag belongs to another building."),
    Refusal.LABEL_OTHER_RUN: _l("This bag belongs to another run; it is not loaded now."),
    Refusal.LABEL_UNKNOWN: _l("The locker does not know this bag. Put it aside and tell the office."),
    Refusal.LABEL_LOADED: _l("This bag is loaded already."),
    Refusal.LABEL_CANCELLED: _l("This order was cancelled. Take the bag back."),
    Refusal.NO_DRIVER: _l("Show your staff code first."),
    Refusal.NO_FREE_DOOR: _l("No free door fits this bag. Put it back in the van; its owner is asked what they want."),
    Refusal.DOOR_UNKNOWN: _l("There is no door of that number here."),
    Refusal.DOOR_EMPTY: _l("Nothing lies behind that door."),
    Refusal.DOOR_FULL: _l("A bag lies behind that door. Take it out first."),
    Refusal.NOT_DUE: _l("That bag may still be collected. Leave it where it is."),
    Refusal.DOOR_BROKEN: _l("This door is out of order and is opened by staff. They have been told."),
    Refusal.ZONE_TOO_WARM: _l("The locker is not cold enough yet. Keep the bag in the van, try again in ten minutes."),
    Refusal.ZONE_UNMEASURED: _l("Nobody knows how cold the locker is. Keep the bag in the van; the office knows."),
}


class _Gaps(dict[str, str | int]):
    """Facts of a sentence; one that was not given is shown as a dash, not as a failure."""

    def __missing__(self, _key: str) -> str:
        return "–"


def sentence(error: DomainError) -> str:
    """Say a refusal to a person, in the language of this request."""
    facts = dict(error.facts)
    if f"name_{short()}" in facts:
        facts["name"] = facts[f"name_{short()}"]
    if facts.get("zone") in ZONES:
        facts["zone"] = str(ZONES[str(facts["zone"])])
    return of_code(error.code, facts)


def of_code(code: str, facts: Mapping[str, str | int] | None = None) -> str:
    """Say the sentence of a stable code, its gaps filled."""
    words = WORDS.get(code, WORDS["illegal_move"])
    return str(words) % _Gaps(facts or {})


def of_refusal(refusal: str) -> str:
    """Say why a locker opened nothing."""
    return str(REFUSALS[Refusal(refusal)])
