"""The API: the same use cases as the pages, for programs. Asked with a session token, never with a cookie."""

from flask import Flask

from app.web.api import (
    after,
    catalogue,
    demo,
    description,
    lots,
    my_account,
    office,
    orders,
    packing,
    products,
    selling,
    sessions,
    staff,
    visits,
    webhooks,
)

TOPICS = (
    sessions,  # sign in, sign out
    catalogue,  # sites, windows, products
    products,  # what operators put on sale
    selling,  # terms and stock
    lots,  # what came, and the recall of it
    orders,  # a resident's own orders
    after,  # changing and cancelling them, claims, receipts
    my_account,  # what we hold about a person, and its end
    packing,
    staff,
    visits,  # a driver's steps at a site
    office,  # runs, refunds, doors, roles
    webhooks,  # what other programs are told
    demo,
)


def register(app: Flask) -> None:
    """Serve the API and its description."""
    # A browser adds cookies to a forged request, never an Authorization header, and no cookie is read here.
    exempt = app.extensions["csrf"].exempt
    api = description.describe(app)
    for topic in TOPICS:
        exempt(topic.blueprint)
        api.register_operations(topic.blueprint)
    app.register_blueprint(description.blueprint)
