-- name: new_ids
-- One row per name of `seen` that `known` lacks, numbered from $first in the order of the names.
SELECT s.name, CAST($first + row_number() OVER (ORDER BY s.name) - 1 AS BIGINT) AS id
FROM seen AS s
ANTI JOIN known AS k ON k.name = s.name;

-- name: known_ids
-- One row per name of `seen` that `known` has, with its number.
SELECT k.name, k.id
FROM known AS k
SEMI JOIN seen AS s ON s.name = k.name;

-- name: repeated_keys
-- One row per hash of a key that stands in `incoming_keys` more than once.
SELECT key_hash
FROM incoming_keys
GROUP BY key_hash
HAVING count(*) > 1;

-- name: taken_keys
-- One row per hash of a key of `incoming_keys` that `stored_keys` has too.
SELECT DISTINCT i.key_hash
FROM incoming_keys AS i
SEMI JOIN stored_keys AS s ON s.key_hash = i.key_hash;
