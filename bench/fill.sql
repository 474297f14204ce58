-- Pairs of neighbours pay one cent there and back, {rounds} times: balances end where they began, and every entry carries the
-- version and the balance it would have. Triggers are off, since they look at accounts as they stand when all is done.
SET session_replication_role = replica;
SET synchronous_commit = off;
SET work_mem = '256MB';

CREATE TEMP TABLE people AS
SELECT a.id, a.balance, a.version, n, {rounds}::bigint AS rounds, max(a.moved_at) OVER () AS since,
       (clock_timestamp() - max(a.moved_at) OVER ()) / ({rounds} + 1) AS step,
       coalesce((SELECT max(total) FROM limit_uses u WHERE u.user_id = a.id AND u.kind = 'sent'), 0) AS sent,
       CASE WHEN n % 2 = 1 THEN lead(a.id) OVER (ORDER BY n) ELSE lag(a.id) OVER (ORDER BY n) END AS neighbour
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM users) u JOIN ledger_accounts a USING (id);

-- The first of a pair pays in odd rounds, the second in even ones.
CREATE TEMP TABLE payments AS
SELECT uuidv7(since + step * k - clock_timestamp()) AS id, since + step * k AS at, k, p.id AS payer, neighbour AS payee,
       sent + (k + n % 2) / 2 AS sent_total
FROM people p CROSS JOIN generate_series(1, {rounds}) AS k
WHERE neighbour IS NOT NULL AND k % 2 = n % 2;

INSERT INTO ledger_transactions (id, kind, created_at) SELECT id, 'transfer', at FROM payments;
INSERT INTO ledger_entries (transaction_id, account_id, version, amount, balance_after, at)
SELECT t.id, p.id, p.version + t.k, CASE WHEN p.id = t.payer THEN -1 ELSE 1 END,
       p.balance + CASE WHEN t.k % 2 = 0 THEN 0 WHEN n % 2 = 1 THEN -1 ELSE 1 END, t.at
FROM payments t JOIN people p ON p.id IN (t.payer, t.payee);
INSERT INTO transfers (id, sender_id, recipient_id, amount, currency, note, audience, status, likeness, created_at)
SELECT id, payer, payee, 1, 'USD', 'filled ' || k, 'friends', 'settled', hashtextextended(id::text, 0), at FROM payments;
INSERT INTO limit_uses (user_id, kind, at, total, amount) SELECT payer, 'sent', at, sent_total, 1 FROM payments;
INSERT INTO idempotency_keys (user_id, route, key, fingerprint, status, body, created_at)
SELECT payer, 'pay', 'filled-' || id, sha256(id::text::bytea), 201,
       convert_to(json_build_object('id', 'tr_' || replace(id::text, '-', ''), 'filled', repeat('x', 600))::text, 'UTF8'), at
FROM payments;
UPDATE ledger_accounts a SET version = p.version + rounds, moved_at = since + step * rounds
FROM people p WHERE a.id = p.id AND neighbour IS NOT NULL;

DROP TABLE people, payments;
VACUUM ANALYZE;
CHECKPOINT;
