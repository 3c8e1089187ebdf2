-- Runs that are over, so that past orders lie in as many runs as they would. Statements end with a line `;`.
INSERT INTO load_run (site_id, kind, local_date, order_by, load_from, load_until, removal_from)
SELECT 'osmanthus', 'evening', d, d - interval '1 hour', d + interval '6 hours', d + interval '8 hours',
    d + interval '30 hours'
FROM (SELECT current_date - 3 - n AS d FROM generate_series(1, :runs) n) days
;
INSERT INTO pickup_window (run_no, opens_at, closes_at, order_cap)
SELECT run_no, load_from + interval '3 hours', load_from + interval '5 hours', 1000000
FROM load_run WHERE removal_from < now()
;
INSERT INTO run_capacity (run_no, zone, size_or_larger, total)
SELECT run_no, 'chilled', 'S', 1000000 FROM load_run WHERE removal_from < now()
