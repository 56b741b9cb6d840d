-- What a role needs that uses Forgeloom and does not migrate; the owner of the system schema runs it after each upgrade.
-- Printed by `forge doctor --grants ROLE`; or: psql -v role=app -v schema=public -f grants.sql
GRANT USAGE ON SCHEMA :"schema" TO :"role";
-- A start compares the history with its own files. Only the owner writes it.
GRANT SELECT ON TABLE :"schema".forge_system_migrations TO :"role";
GRANT EXECUTE ON FUNCTION :"schema".forge_validate_identifier(text) TO :"role";
-- Every node campaigns, and takes part in the fence by a lock on the row. Nobody deletes: the terms are in it.
GRANT SELECT, INSERT, UPDATE ON TABLE :"schema".forge_leaders TO :"role";
