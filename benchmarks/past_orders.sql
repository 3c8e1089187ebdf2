-- Collected orders, from `first` to `last`, with all that such an order leaves. Statements end with a line `;`.
-- Their ids sort before every new one, as those of older orders do.
CREATE TEMP TABLE past ON COMMIT DROP AS
SELECT n, 'past-' || lpad(n::text, 27, '0') AS id, 'buyer-' || n % :people AS person, w.id AS window_id, w.run_no,
    w.opens_at - interval '1 day' AS placed_at
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
JOIN (
    SELECT w.id, w.run_no, w.opens_at, row_number() OVER (ORDER BY w.id) - 1 AS place
    FROM pickup_window w JOIN load_run r USING (run_no) WHERE r.removal_from < now()
) w ON w.place = n % :runs
;
INSERT INTO customer_order (id, order_no, person_id, site_id, run_no, window_id, state, currency, total_minor,
    placed_at, hold_until)
SELECT id, 'P' || n, person, 'osmanthus', run_no, window_id, 'collected', 'CNY', 2000, placed_at, placed_at FROM past
;
INSERT INTO parcel (id, ref, order_id, state, zone, size, volume_ml, longest_mm, weight_g, collect_until, door,
    planned_doors)
SELECT id || p, 'P' || n || '-' || p, id, 'collected', 'chilled', 'S', 5000, 300, 2000, placed_at, 1 + n % 24,
    ARRAY[1 + n % 24]::smallint[]
FROM past, generate_series(1, 2) p
;
INSERT INTO order_line (order_id, line_no, product_id, parcel_id, quantity, price_minor, line_minor)
SELECT id, l, (ARRAY['tomatoes', 'cucumbers', 'fresh-milk', 'potatoes'])[l], id || (1 + l % 2), 1, 500, 500
FROM past, generate_series(1, 4) l
;
INSERT INTO capacity_hold (order_id, run_no, zone, size_or_larger, count)
SELECT id, run_no, 'chilled', 'S', 2 FROM past
;
INSERT INTO payment (id, order_id, provider, provider_ref, state, amount_minor, currency, made_at, checked_at)
SELECT 'pay-' || n, id, 'sandbox', 'past-' || n, 'captured', 2000, 'CNY', placed_at, placed_at FROM past
;
INSERT INTO payment_webhook (provider, event_id, received_at, provider_ref, body, applied_at)
SELECT 'sandbox', 'past-' || n, placed_at, 'past-' || n, '{}', placed_at FROM past
;
INSERT INTO ledger_entry (transaction_id, at, kind, order_id, account, amount_minor, currency)
SELECT k.kind || '-pay-' || n, placed_at, k.kind, id, k.account, k.minor, 'CNY'
FROM past, (VALUES ('capture', 'provider_clearing', 2000), ('capture', 'customer_held', -2000),
    ('sale', 'customer_held', 2000), ('sale', 'sales', -2000)) AS k(kind, account, minor)
;
INSERT INTO history (at, order_id, subject, subject_id, from_state, event, to_state, actor)
SELECT placed_at, id, 'order', id, h.from_state, h.event, h.to_state, 'clock'
FROM past, (VALUES (NULL, 'placed', 'awaiting_payment'), ('awaiting_payment', 'payment_captured', 'paid'),
    ('paid', 'all_packed', 'packed'), ('packed', 'all_loaded', 'ready'),
    ('ready', 'all_collected', 'collected')) AS h(from_state, event, to_state)
;
INSERT INTO outbox (gateway_id, made_at, entry, order_id, log_id, seq, acked_at)
SELECT g.id, placed_at, '{}', past.id, 'past', n, placed_at FROM past, gateway g WHERE g.site_id = 'osmanthus'
;
INSERT INTO notification (id, person_id, contact, kind, order_id, language, subject, body, made_at, next_try_at, sent_at)
SELECT 'note-' || n, person, 'x', 'order_paid', id, 'en', '', '', placed_at, placed_at, placed_at FROM past
;
INSERT INTO idempotent_request (person_id, key, request_hash, made_at, answer)
SELECT person, 'past-' || n, '', placed_at, '{}' FROM past
