package io.forgeloom.cli;

import io.forgeloom.cli.Diagnosis.ServerReport;
import io.forgeloom.cli.ServerOptions.Target;
import io.forgeloom.database.Identifier;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Asks the primary where the system schema lies and whether there is the role to grant to, in one question on one
 * session. One thread at a time.
 */
final class GrantsLook implements SideBySide.Look {

    private static final String APPLICATION_NAME = "forge doctor";

    /** The role is looked for by name: so PUBLIC, which GRANT would take even in quotes, is not one. */
    private static final String ASK = """
            SELECT n.nspname,
                   EXISTS (SELECT FROM pg_catalog.pg_class c
                            WHERE c.relnamespace = n.oid AND c.relname = 'forge_system_migrations'),
                   EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = ?)
              FROM (SELECT) one
              LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = COALESCE(?, pg_catalog.current_schema())
            """;

    private final Target target;
    private final Identifier role;
    private final @Nullable Identifier home;
    private final Duration timeout;
    private final List<Finding> problems = new ArrayList<>();
    private @Nullable SystemGrants grants;

    /** @param home the schema that is meant; null for the session's current one */
    GrantsLook(Target target, Identifier role, @Nullable Identifier home, Duration timeout) {
        this.target = target;
        this.role = role;
        this.home = home;
        this.timeout = timeout;
    }

    @Override
    public String role() {
        return target.role();
    }

    /** Null if there are problems. */
    @Nullable
    SystemGrants grants() {
        return grants;
    }

    /** Why there are no grants. */
    ServerReport report() {
        return new ServerReport(role(), problems);
    }

    @Override
    public void run(Deadline deadline) {
        try (PgSession session = new PgConnector(target.url(), APPLICATION_NAME, Map.of()).connect(deadline)) {
            ask(session, deadline);
        } catch (SQLException e) {
            if (deadline.expired()) {
                problems.add(ConnectFailure.tooLate(timeout).because(e));
            } else {
                problems.addAll(ConnectFailure.explain(e));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            problems.add(ConnectFailure.tooLate(timeout).because(e));
        }
    }

    private void ask(PgSession session, Deadline deadline) {
        try (PreparedStatement question = session.connection().prepareStatement(ASK)) {
            question.setString(1, role.name());
            question.setString(2, home == null ? null : home.name());
            try (ResultSet row = question.executeQuery()) {
                row.next();
                @Nullable String schema = row.getString(1);
                if (!row.getBoolean(2)) {
                    problems.add(schemaMissing(schema));
                }
                if (!row.getBoolean(3)) {
                    problems.add(Finding.problem(
                            "role",
                            "there is no role " + role + " on this server",
                            "CREATE ROLE " + role + " LOGIN, or correct its name; case counts"));
                }
                if (schema != null && problems.isEmpty()) {
                    grants = new SystemGrants(role, new Identifier(schema));
                }
            }
        } catch (SQLException e) {
            problems.add(Finding.problem(
                            "schema",
                            deadline.expired()
                                    ? "no answer by the end of the " + timeout.toSeconds() + " s"
                                    : "could not be looked at: " + e.getMessage(),
                            "see the server's log and pg_stat_activity; --timeout allows more")
                    .because(e));
        }
    }

    private Finding schemaMissing(@Nullable String schema) {
        String detail;
        if (schema != null) {
            detail = "schema \"" + schema + "\" has no table forge_system_migrations";
        } else if (home != null) {
            detail = "there is no schema " + home;
        } else {
            detail = "the session has no current schema: search_path names none that is there";
        }
        return Finding.problem(
                "schema",
                detail,
                "migrate first, as the owner (forge migrate); or name the schema by --schema, or in the URL:"
                        + " jdbc:postgresql://HOST/DB?currentSchema=NAME,"
                        + " postgres://HOST/DB?options=-csearch_path%3DNAME");
    }
}
