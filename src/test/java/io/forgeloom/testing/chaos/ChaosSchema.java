package io.forgeloom.testing.chaos;

import io.forgeloom.leader.LeaderRole;
import io.forgeloom.migrate.MigrationSource;
import java.util.Map;

/** The tables of the run, as migrations that each node applies at its start, and names that several of its parts use. */
final class ChaosSchema {

    static final int ACCOUNTS = 40;
    static final long BALANCE = 1_000;

    /** Rows of the table that is followed. */
    static final int FOLLOWED = 60;

    /** Its winner leads at once. */
    static final LeaderRole SWIFT = LeaderRole.daemon("swift");

    /** Its winner waits for the lease of the one before. */
    static final LeaderRole SAFE = LeaderRole.daemon("safe");

    /** Notified by {@code publish}, in the order of commits. */
    static final String ORDERED = "chaos_ordered";

    /** Notified by {@code publishSoon}. */
    static final String SOON = "chaos_soon";

    static final String CONSUMER = "chaos";

    private static final String TABLES = """
            CREATE TABLE chaos_migrated (name text NOT NULL);
            INSERT INTO chaos_migrated VALUES ('0001_tables');
            CREATE TABLE chaos_account (id int PRIMARY KEY, balance bigint NOT NULL);
            INSERT INTO chaos_account SELECT n, %2$d FROM generate_series(0, %1$d - 1) AS n;
            CREATE TABLE chaos_journal (node text NOT NULL, n bigint NOT NULL);
            CREATE INDEX chaos_journal_n ON chaos_journal (node, n);
            CREATE TABLE chaos_dirt (node text NOT NULL);
            CREATE TABLE chaos_beat (slot text PRIMARY KEY, k bigint NOT NULL);
            INSERT INTO chaos_beat VALUES ('a', 0), ('b', 0), ('c', 0);
            CREATE TABLE chaos_sent (node text NOT NULL, n bigint NOT NULL);
            CREATE TABLE chaos_source (id text PRIMARY KEY);
            CREATE TABLE chaos_effect (place bigint GENERATED ALWAYS AS IDENTITY, id text NOT NULL);
            CREATE INDEX chaos_effect_id ON chaos_effect (id);
            CREATE TABLE chaos_followed (id int PRIMARY KEY, value bigint NOT NULL);
            INSERT INTO chaos_followed SELECT n, 0 FROM generate_series(1, %3$d) AS n;
            """.formatted(ACCOUNTS, BALANCE, FOLLOWED);

    private static final String LEADERS = """
            INSERT INTO chaos_migrated VALUES ('0002_leaders');
            CREATE TABLE chaos_write (id bigint GENERATED ALWAYS AS IDENTITY, role text, timeline bigint, term bigint,
                                      latest_timeline bigint, latest_term bigint, stale boolean);
            CREATE TABLE chaos_term (id bigint GENERATED ALWAYS AS IDENTITY, role text, timeline bigint, term bigint);
            CREATE FUNCTION chaos_term() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO public.chaos_term (role, timeline, term) VALUES (NEW.role, NEW.timeline, NEW.term);
                 RETURN NULL; END';
            CREATE TRIGGER chaos_term AFTER INSERT OR UPDATE OF term ON forge_leaders
                FOR EACH ROW EXECUTE FUNCTION chaos_term();
            """;

    static final MigrationSource MIGRATIONS =
            MigrationSource.list(Map.of("0001_tables.sql", TABLES, "0002_leaders.sql", LEADERS));

    private ChaosSchema() {}
}
