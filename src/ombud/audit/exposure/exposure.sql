-- name: grants_of_apps
-- One row per grant to the apps from one number to another, sorted by app: who, which scope, from when to when in microseconds since 1970 (the end is null while it lasts). `told` are the consents on record.
SELECT app, person, scope, micros_of(happened_at) AS since, micros_of(ended_at) AS until
FROM grants
WHERE app BETWEEN $first_app AND $last_app
UNION ALL
SELECT app, person, scope, since, until
FROM told
WHERE app BETWEEN $first_app AND $last_app
ORDER BY app;

-- name: reads_before_apps
-- One row per app, of those from one number to another, that has reads that gave something out and are dated before it was registered: how many, and distinct people of them.
SELECT r.app AS app, COUNT(*) AS reads, COUNT(DISTINCT r.person) AS people
FROM reads AS r
JOIN apps AS a ON a.app = r.app
WHERE r.app BETWEEN $first_app AND $last_app AND r.decision IN ('allowed', 'reduced') AND r.happened_at < a.happened_at
GROUP BY r.app;

-- name: exposure_by_region
-- One row per country or region that accounts name (null where they name none or there is no account): people, those of them read by their own grant, those read through a friend's.
SELECT a.region AS region, a.account IS NOT NULL AS known, COUNT(*) AS people, CAST(SUM(e.direct) AS BIGINT) AS direct, CAST(SUM(e.via) AS BIGINT) AS via
FROM exposed AS e
LEFT JOIN accounts AS a ON a.account = e.person
GROUP BY a.region, a.account IS NOT NULL;

-- name: exposure_by_span
-- One row per span of time in which one app read anybody (a span ends before its `until`, null for without end): reads, distinct people, those read by their own grant, those read through a friend's.
SELECT
  s.span AS span,
  COUNT(*) AS reads,
  COUNT(DISTINCT r.person) AS people,
  COUNT(DISTINCT CASE WHEN r.via THEN NULL ELSE r.person END) AS direct,
  COUNT(DISTINCT CASE WHEN r.via THEN r.person ELSE NULL END) AS via
FROM spans AS s
JOIN (
  SELECT
    person,
    happened_at,
    COALESCE(through <> person, FALSE) OR COALESCE(LIST_CONTAINS(quality, 'through:erased'), FALSE) AS via
  FROM reads
  WHERE app = $app AND decision IN ('allowed', 'reduced')
) AS r ON r.happened_at >= s.since AND (s.until IS NULL OR r.happened_at < s.until)
GROUP BY s.span;
