-- name: apps_described
-- One row per app that the lake has a name or a read for: what it says of itself; null where the lake does not know.
SELECT ids.id AS app, ids.name AS id, MIN(apps.developer) AS developer, MIN(d.name) AS developer_id, MIN(apps.name) AS name,
       MIN(apps.category) AS category, MIN(apps.purpose) AS purpose, MIN(apps.hosts) AS hosts
FROM app_ids AS ids
LEFT JOIN apps ON apps.app = ids.id
LEFT JOIN developer_ids AS d ON d.id = apps.developer
GROUP BY ids.id, ids.name;

-- name: asked_by_app
-- One row per app, set of fields, purpose and decision: how many reads.
SELECT app, fields, purpose, decision, COUNT(*) AS reads
FROM reads
GROUP BY app, fields, purpose, decision;

-- name: keys_by_app
-- One row per app and key that its tokens were bound to: how many reads.
SELECT app, key, COUNT(*) AS reads
FROM reads
WHERE key IS NOT NULL
GROUP BY app, key;

-- name: consents_ended
-- One row per app and person who granted it anything, sorted: when the last of it ended (microseconds since 1970); null while any lasts.
SELECT app, person, CASE WHEN COUNT(*) = COUNT(ended_at) THEN micros_of(MAX(ended_at)) END AS until
FROM grants
GROUP BY app, person
ORDER BY app, person;

-- name: reads_by_block
-- One row per read of the apps in `blocks`, block after block and app after app, the earliest first: whose data, by whose grant (null by the own one), in which second, whether anything went out.
SELECT b.block, r.app, r.person, r.through, whole_div(micros_of(r.happened_at), 1000000) AS second,
       COALESCE(r.through <> r.person, FALSE) OR COALESCE(LIST_CONTAINS(r.quality, 'through:erased'), FALSE) AS via,
       r.decision <> 'refused' AS given
FROM reads AS r
JOIN blocks AS b ON b.app = r.app
ORDER BY b.block, r.app, r.happened_at, r.person;
