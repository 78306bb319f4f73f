-- name: people_read
-- One row per read that gave something out: the app, the person, whether it went by the grant of somebody else (also where that person was erased since), and whose.
SELECT
  app,
  person,
  COALESCE(through <> person, FALSE) OR COALESCE(LIST_CONTAINS(quality, 'through:erased'), FALSE) AS via,
  CASE WHEN through <> person THEN through ELSE NULL END AS giver
FROM reads
WHERE decision IN ('allowed', 'reduced');

-- name: people_granting
-- One row per grant on record: the app and who granted it anything.
SELECT app, person
FROM grants;

-- name: friend_ties
-- One row per friendship on record, as it stands there: one way or both, perhaps more than once.
SELECT account, other
FROM ties
WHERE tie = 'friend' AND other IS NOT NULL AND account <> other;
