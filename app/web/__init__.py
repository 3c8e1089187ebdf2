"""The web: one blueprint a group of pages. Views read `db.pages` and write only through use cases."""

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from app.web import (
    access,
    account,
    api,
    at_locker,
    checkout,
    choice,
    claims,
    collect,
    collect_offline,
    compressed,
    demo_clock,
    driver,
    favicon,
    front,
    health,
    inbox,
    keeper,
    keeper_food,
    keeper_help,
    language,
    my_account,
    ops,
    ops_alarms,
    ops_claims,
    ops_cold,
    ops_cold_policy,
    ops_cold_zone,
    ops_day,
    ops_haccp,
    ops_money,
    ops_notices,
    ops_openings,
    ops_people,
    ops_places,
    ops_reconciliation,
    ops_runs,
    ops_site_rules,
    ops_stock,
    ops_supply,
    ops_webhooks,
    order_edit,
    orders,
    payment_webhook,
    photos,
    picking,
    problems,
    receipts,
    room,
    sandbox_pay,
    shop,
    streams,
    uploads,
    visit,
    visit_records,
)
from app.web.live import Listener

PAGES = (
    front,  # / and the choice of language and building
    account,  # sign in, sign out
    my_account,  # what we know of somebody; taking it along, ending it
    shop,  # browse, search, basket
    checkout,  # place and pay
    room,  # where a full window sends people
    orders,  # a resident's orders and their timeline
    order_edit,  # change or cancel one
    receipts,
    collect,  # the code, the wall, the deadline
    collect_offline,  # the same without a network
    at_locker,  # the code printed on a column
    claims,  # what was wrong with what came
    choice,  # when something does not come as promised
    sandbox_pay,  # the sandbox provider's hosted page
    payment_webhook,
    photos,  # of packed bags
    picking,
    driver,
    visit,  # a driver's steps at a site
    visit_records,  # what a driver's phone kept without a network
    keeper,  # a neighbour's own building
    keeper_food,  # rescue, the cold bag
    keeper_help,  # somebody without a phone
    ops,
    ops_places,  # a site, a locker
    ops_day,  # what is at risk, the ten numbers
    ops_alarms,  # what is wrong with the cold
    ops_cold_zone,  # a zone's temperatures as charts
    ops_cold_policy,  # by which limits food is judged
    ops_haccp,  # the log an inspector reads
    ops_site_rules,  # what comes back, taxes
    ops_stock,  # prices and stock
    ops_supply,  # suppliers, lots, recalls
    ops_claims,  # what was wrong with what came
    ops_cold,  # food that is kept shut
    ops_money,  # refunds
    ops_reconciliation,  # where our books and the provider's differ
    ops_notices,  # what could not be told
    ops_openings,  # who opened what; a second person's yes
    ops_people,  # roles, sessions
    ops_webhooks,  # which programs are told what happens
    ops_runs,
    inbox,  # the demo's mail and text messages
    demo_clock,
    streams,
    favicon,
    health,
)


def register_web(app: Flask) -> None:
    """Give the application its pages and the rules that hold on all of them."""
    CSRFProtect(app)
    language.register(app)
    access.guard(app)
    problems.register(app)
    uploads.register(app)
    compressed.register(app)
    app.extensions["caibox_listener"] = Listener(app.extensions["caibox"].settings.database_url)
    for page in PAGES:
        app.register_blueprint(page.blueprint)
    api.register(app)
