-- name: people_read
-- One row per read that gave something out: the app, the person, and whether it went by the grant of somebody else, also where that person was erased since.
SELECT app, person, COALESCE(through <> person, FALSE) OR COALESCE(LIST_CONTAINS(quality, 'through:erased'), FALSE) AS via
FROM reads
WHERE decision IN ('allowed', 'reduced');

-- name: people_granting
-- One row per grant on record: the app and who granted it anything.
SELECT app, person
FROM grants;
