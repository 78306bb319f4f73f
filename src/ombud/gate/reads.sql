-- name: reads_in_order
-- One row per recorded read, the earliest first: who asked (dense ids), when (microseconds since 1970), for what.
SELECT app, person, through, micros_of(happened_at) AS moment, fields, purpose, decision
FROM reads
ORDER BY happened_at, read;

-- name: grants_in_order
-- One row per consent to one scope, sorted by app and person: from when to when, and when it was last used (microseconds since 1970).
SELECT app, person, scope, micros_of(happened_at) AS since, micros_of(last_used_at) AS used, micros_of(ended_at) AS until
FROM grants
ORDER BY app, person, happened_at;

-- name: apps_known
-- One row per app that the lake has a name for: when it was registered (microseconds since 1970) and what it declared, where that is known.
SELECT ids.id AS app, ids.name AS name, micros_of(MIN(apps.happened_at)) AS since, MIN(apps.purpose) AS purpose
FROM app_ids AS ids
LEFT JOIN apps ON apps.app = ids.id
GROUP BY ids.id, ids.name;

-- name: lost_fields
-- One row per app, field and reason: reads in which the field went out under the old rules and not under the new ones, and distinct people.
SELECT app, field, reason, COUNT(*) AS reads, COUNT(DISTINCT person) AS people
FROM lost
GROUP BY app, field, reason;

-- name: lost_apps
-- One row per app: reads that lose at least one field under the new rules, and distinct people.
SELECT app, COUNT(DISTINCT number) AS reads, COUNT(DISTINCT person) AS people
FROM lost
GROUP BY app;
