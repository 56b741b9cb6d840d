-- Takes the whole system schema out of the schema that search_path names first: all that its files and the runner have
-- made, the youngest first. THE HISTORY OF YOUR OWN MIGRATIONS GOES WITH IT: it is kept in the same table.
-- Something of yours that depends on a part of it stops the removal with its name. Run by the owner, with no process of
-- Forgeloom running, as one transaction:
--
--     psql --single-transaction -v ON_ERROR_STOP=1 -c 'SET search_path = SCHEMA, pg_temp' -f remove.sql URL
DROP TABLE IF EXISTS forge_nodes; -- v004
-- The tracking of your tables ends, with the functions that were made for them. -- v003
DO $remove$
DECLARE
    made text;
BEGIN
    FOR made IN SELECT CAST(CAST(p.oid AS regprocedure) AS text) FROM pg_proc AS p
        WHERE p.pronamespace = CAST(quote_ident(current_schema()) AS regnamespace) AND p.proname LIKE 'forge\_track\_%'
    LOOP
        EXECUTE 'DROP FUNCTION ' || made || ' CASCADE';
    END LOOP;
END
$remove$;
DROP FUNCTION IF EXISTS forge_trim_changes(timestamptz, bigint, interval, interval);
DROP FUNCTION IF EXISTS forge_change_unseen(integer, pg_snapshot);
DROP FUNCTION IF EXISTS forge_change_youngest(integer);
DROP FUNCTION IF EXISTS forge_enable_reactivity(regclass, text, boolean);
DROP FUNCTION IF EXISTS forge_disable_reactivity(regclass);
DROP FUNCTION IF EXISTS forge_change_body(oid, text, text, boolean);
DROP FUNCTION IF EXISTS forge_change_shape(oid);
DROP FUNCTION IF EXISTS forge_change_news(xid8, xid8[]);
DROP FUNCTION IF EXISTS forge_change_sql(oid, text, text, boolean, text);
DROP FUNCTION IF EXISTS forge_change_columns(oid);
DROP FUNCTION IF EXISTS forge_change_key(oid);
DROP TABLE IF EXISTS forge_change_consumers;
DROP TABLE IF EXISTS forge_change_control;
DROP TABLE IF EXISTS forge_change_log;
DROP SEQUENCE IF EXISTS forge_change_sleepers;
DROP SEQUENCE IF EXISTS forge_change_slot;
DROP TABLE IF EXISTS forge_leaders; -- v002
DROP FUNCTION IF EXISTS forge_validate_identifier(text); -- v001
-- The runner's own table last: with it goes the knowledge of what there was.
DROP TABLE IF EXISTS forge_system_migrations;
