-- Which processes there are. Each writes its own row every few seconds; who goes silent is dead by comparison with the
-- server's clock, and the next one that writes says so in the row. A process that stops removes its row.
CREATE TABLE forge_nodes (
    node_id text PRIMARY KEY,
    -- One run in one process: of two with the same name the one that came last has the row.
    incarnation uuid NOT NULL,
    service_name text NOT NULL,
    host text NOT NULL,
    pid bigint NOT NULL,
    -- Of the program.
    version text NOT NULL,
    status text NOT NULL CHECK (status IN ('joining', 'active', 'draining', 'dead')),
    -- By the server's clock, both.
    started_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    -- How long it may be silent; each says so for itself.
    dead_after_millis bigint NOT NULL
    -- Room for the next version of a row beside it.
) WITH (fillfactor = 50);

COMMENT ON TABLE forge_nodes IS 'Forgeloom: the processes that are there, and until when each was heard of';
