package io.forgeloom.cli;

import io.forgeloom.internal.pg.PgSession;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.stream.Stream;

/**
 * How many connections a server gives to a role in a database, and how many are taken. Immutable.
 *
 * @param max {@code max_connections}
 * @param kept {@code superuser_reserved_connections} and {@code reserved_connections} together
 * @param roleLimit {@code CONNECTION LIMIT} of the role; -1 = none
 * @param databaseLimit {@code CONNECTION LIMIT} of the database; -1 = none
 * @param used sessions of others on the server
 * @param usedByRole those among them of the same role
 * @param usedByDatabase those among them in the same database
 */
record ConnectionBudget(
        int max, int kept, int roleLimit, int databaseLimit, int used, int usedByRole, int usedByDatabase) {

    private static final String CHECK = "connections";

    /** What a pool may have beyond its size, now and then: the session over which it asks about the others. */
    private static final int CONTROL = 1;

    /**
     * Databases and users of sessions are visible to everyone, kinds of processes are not: an autovacuum worker is known
     * by having no user. The limits of role and database do not bind a superuser.
     */
    private static final String READ = """
            SELECT pg_catalog.current_setting('max_connections')::int,
                   pg_catalog.current_setting('superuser_reserved_connections')::int
                     + coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int,
                   CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END,
                   CASE WHEN r.rolsuper THEN -1 ELSE d.datconnlimit END,
                   count(a.pid), count(a.pid) FILTER (WHERE a.usesysid = r.oid),
                   count(a.pid) FILTER (WHERE a.datid = d.oid)
              FROM pg_catalog.pg_roles r
              JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
              LEFT JOIN pg_catalog.pg_stat_activity a
                ON a.datid IS NOT NULL AND a.usesysid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
             WHERE r.rolname = session_user
             GROUP BY r.rolsuper, r.rolconnlimit, d.datconnlimit
            """;

    static ConnectionBudget read(PgSession session) throws SQLException {
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(READ)) {
            row.next();
            return new ConnectionBudget(
                    row.getInt(1),
                    row.getInt(2),
                    row.getInt(3),
                    row.getInt(4),
                    row.getInt(5),
                    row.getInt(6),
                    row.getInt(7));
        }
    }

    /**
     * What a pool of this size needs, its control session included, against what there is. A pool that can never be
     * filled is a problem if its size was stated, a note if it is only the default. One that cannot be filled just now is
     * a note: those that are in its way may be the pool's own process.
     */
    Finding judge(int poolSize, boolean stated) {
        int ceiling = Math.min(max - kept, Math.min(orNone(roleLimit), orNone(databaseLimit)));
        int free = Math.min(
                max - kept - used, Math.min(orNone(roleLimit) - usedByRole, orNone(databaseLimit) - usedByDatabase));
        int wanted = poolSize + CONTROL;
        String detail = ceiling + " for a pool of " + (stated ? "" : "the default size ") + poolSize + " and its "
                + CONTROL + " control session (" + limits() + "), " + Math.max(0, free)
                + " free now; of the primary's pool"
                + " a notify bus and an election keep one each";
        if (wanted > ceiling) {
            String smaller = ceiling <= CONTROL
                    ? ""
                    : "set poolSize to " + (ceiling - CONTROL) + " at most"
                            + (stated ? "" : " (and say so by --pool-size)") + ", or ";
            String remedy = smaller + raise(wanted);
            return stated ? Finding.problem(CHECK, detail, remedy) : Finding.note(CHECK, detail, remedy);
        }
        if (wanted > free) {
            return Finding.note(
                    CHECK,
                    detail,
                    "nothing, if the pool's own process holds the others; otherwise make poolSize smaller, end idle"
                            + " sessions or " + raise(wanted + ceiling - free));
        }
        return Finding.ok(CHECK, detail);
    }

    private String limits() {
        return "max_connections " + max + " less " + kept + " reserved" + limit(", the role's limit ", roleLimit)
                + limit(", the database's limit ", databaseLimit);
    }

    /** What has to be raised so that {@code wanted} connections fit, which may be more than one setting. */
    private String raise(int wanted) {
        return "raise "
                + String.join(
                        " and ",
                        Stream.of(
                                        max - kept < wanted ? "max_connections to " + (wanted + kept) : "",
                                        orNone(roleLimit) < wanted ? "the role's CONNECTION LIMIT to " + wanted : "",
                                        orNone(databaseLimit) < wanted
                                                ? "the database's CONNECTION LIMIT to " + wanted
                                                : "")
                                .filter(part -> !part.isEmpty())
                                .toList());
    }

    private static String limit(String name, int limit) {
        return limit < 0 ? "" : name + limit;
    }

    private static int orNone(int limit) {
        return limit < 0 ? Integer.MAX_VALUE : limit;
    }
}
