-- Who leads, for people and for the fence. Who may lead is decided by an advisory lock alone; the term says which
-- leadership is the latest, and a transaction that names an older one finds no row.
--
-- A row is never deleted: the next term grows from it.
CREATE TABLE forge_leaders (
    role text PRIMARY KEY,
    -- Whoever led last, by the name that it gave itself.
    node_id text NOT NULL,
    acquired_at timestamptz NOT NULL,
    -- By the server's clock, from the leader's last refresh; how long the lease is, for whoever has to wait for its end.
    lease_until timestamptz NOT NULL,
    lease_millis bigint NOT NULL,
    -- Null while it leads, or if it ended without a word.
    resigned_at timestamptz,
    -- The fencing token: a promotion makes a new timeline, where the last terms may be unknown.
    timeline bigint NOT NULL,
    term bigint NOT NULL,
    -- One run of an election in one process; names and hosts may be the same.
    incarnation uuid NOT NULL,
    backend_pid integer NOT NULL,
    backend_start timestamptz NOT NULL
);

-- Makes the term a key: a fenced transaction holds FOR KEY SHARE, which a new term waits for and a refreshed lease does not.
CREATE UNIQUE INDEX forge_leaders_term ON forge_leaders (role, term);

COMMENT ON TABLE forge_leaders IS
    'Forgeloom: the last leader of each role, with the term that fences what earlier ones do';
