-- Payments as stories, up to {stories} of them: every tenth by one of the first {few} fillers, every tenth among the people who
-- are measured with, the rest among {friends} fillers, who never look. Triggers are off: this is not about money.
SET session_replication_role = replica;
SET synchronous_commit = off;

INSERT INTO users (id, username, display_name, created_at)
SELECT uuidv7(), 'filler' || to_char(n, 'FM000000'), 'Filler ' || n, now() FROM generate_series(1, {friends}) AS n
ON CONFLICT DO NOTHING;
CREATE TEMP TABLE pool AS
SELECT row_number() OVER (ORDER BY username) - 1 AS place, id FROM users WHERE username LIKE 'filler%'
UNION ALL
SELECT {friends} + row_number() OVER (ORDER BY username) - 1, id FROM users WHERE username LIKE 'bench%';
ANALYZE pool;

INSERT INTO friendships (low_id, high_id, asked_by, asked_at, accepted_at)
SELECT least(r.id, p.id), greatest(r.id, p.id), r.id, now(), now()
FROM users r JOIN pool p ON p.place < CASE WHEN r.username LIKE 'reads_few%' THEN {few} ELSE {friends} END
WHERE r.username LIKE 'reads_few%' OR r.username LIKE 'reads_many%' OR r.username LIKE 'pays_many%'
ON CONFLICT DO NOTHING;

INSERT INTO stories (id, actor_id, target_id, action, amount, currency, note, audience, created_at)
SELECT uuidv7(at - clock_timestamp()), a.id, t.id, 'paid', 1 + n % 5000, 'USD', 'filled ' || n, 'friends', at
FROM (
    SELECT n, now() - interval '30 days' + n * interval '2 seconds' AS at,
           CASE n % 10 WHEN 0 THEN n / 10 % {few} WHEN 1 THEN {friends} + n / 10 % {people}
                       ELSE n * 7919 % {friends} END AS actor,
           CASE n % 10 WHEN 0 THEN {few} + n % ({friends} - {few}) WHEN 1 THEN {friends} + (n / 10 + 3) % {people}
                       ELSE (n * 7919 + 1 + n % ({friends} - 2)) % {friends} END AS target
    FROM generate_series((SELECT count(*) FROM stories WHERE note LIKE 'filled %') + 1, {stories}) AS n) s
JOIN pool a ON a.place = s.actor JOIN pool t ON t.place = s.target
ORDER BY n;

DROP TABLE pool;
VACUUM ANALYZE stories, users, friendships;
CHECKPOINT;
