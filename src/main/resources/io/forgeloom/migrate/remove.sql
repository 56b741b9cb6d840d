-- Takes the whole system schema out of the schema that search_path names first: all that its files and the runner have
-- made, the youngest first. THE HISTORY OF YOUR OWN MIGRATIONS GOES WITH IT: it is kept in the same table.
-- Something of yours that depends on a part of it stops the removal with its name. Run by the owner, with no process of
-- Forgeloom running, as one transaction:
--
--     psql --single-transaction -v ON_ERROR_STOP=1 -c 'SET search_path = SCHEMA, pg_temp' -f remove.sql URL
DROP TABLE IF EXISTS forge_leaders; -- v002
DROP FUNCTION IF EXISTS forge_validate_identifier(text); -- v001
-- The runner's own table last: with it goes the knowledge of what there was.
DROP TABLE IF EXISTS forge_system_migrations;
