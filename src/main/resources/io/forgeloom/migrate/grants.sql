-- What a role needs that uses Forgeloom and does not migrate; the owner of the system schema runs it after each upgrade.
-- Printed by `forge doctor --grants ROLE`; or: psql -v role=app -v schema=public -f grants.sql
GRANT USAGE ON SCHEMA :"schema" TO :"role";
-- A start compares the history with its own files. Only the owner writes it.
GRANT SELECT ON TABLE :"schema".forge_system_migrations TO :"role";
GRANT EXECUTE ON FUNCTION :"schema".forge_validate_identifier(text) TO :"role";
-- Every node campaigns, and takes part in the fence by a lock on the row. Nobody deletes: the terms are in it.
GRANT SELECT, INSERT, UPDATE ON TABLE :"schema".forge_leaders TO :"role";
-- Whoever writes to a tracked table needs no right on the log: the triggers write it as its owner.
GRANT SELECT ON TABLE :"schema".forge_change_log TO :"role";
-- Nothing on TABLE :"schema".forge_change_log_0: it is read as a part of forge_change_log
-- Nothing on TABLE :"schema".forge_change_log_1: it is read as a part of forge_change_log
-- Nothing on TABLE :"schema".forge_change_log_2: it is read as a part of forge_change_log
-- Nothing on TABLE :"schema".forge_change_log_3: it is read as a part of forge_change_log
-- Nothing on TABLE :"schema".forge_change_log_4: it is read as a part of forge_change_log
-- Nothing on TABLE :"schema".forge_change_log_5: it is read as a part of forge_change_log
-- Nothing on TABLE :"schema".forge_change_log_6: it is read as a part of forge_change_log
-- Nothing on TABLE :"schema".forge_change_log_7: it is read as a part of forge_change_log
GRANT SELECT ON SEQUENCE :"schema".forge_change_seq TO :"role";
-- Nothing on SEQUENCE :"schema".forge_change_slot: triggers and trimming alone look at it, as its owner
-- A reader that goes to sleep says so.
GRANT SELECT, UPDATE ON SEQUENCE :"schema".forge_change_sleepers TO :"role";
GRANT SELECT ON TABLE :"schema".forge_change_control TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE :"schema".forge_change_consumers TO :"role";
GRANT EXECUTE ON FUNCTION :"schema".forge_trim_changes(timestamp with time zone, bigint, interval, interval) TO :"role";
-- Nothing on FUNCTION :"schema".forge_enable_reactivity(regclass, text, boolean): triggers are made by the owner, as tables are
-- Nothing on FUNCTION :"schema".forge_disable_reactivity(regclass): as above
-- Nothing on FUNCTION :"schema".forge_change_key(oid): a part of forge_enable_reactivity
-- Nothing on FUNCTION :"schema".forge_change_columns(oid): a part of forge_enable_reactivity
-- Nothing on FUNCTION :"schema".forge_change_sql(oid, text, text, boolean, text): a part of forge_enable_reactivity
-- Nothing on FUNCTION :"schema".forge_change_body(oid, text, text, boolean): a part of forge_enable_reactivity
-- Nothing on FUNCTION :"schema".forge_change_shape(oid): asked by the trigger functions, for their owner
GRANT EXECUTE ON FUNCTION :"schema".forge_change_news(xid8, xid8[]) TO :"role";
-- Nothing on FUNCTION :"schema".forge_change_youngest(integer): a part of forge_trim_changes
-- Nothing on FUNCTION :"schema".forge_change_unseen(integer, pg_snapshot): a part of forge_trim_changes
-- Each node writes its row, marks those that went silent, and removes what is a day old.
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE :"schema".forge_nodes TO :"role";
