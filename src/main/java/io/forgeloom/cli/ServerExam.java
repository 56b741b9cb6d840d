package io.forgeloom.cli;

import io.forgeloom.cli.Diagnosis.ServerReport;
import io.forgeloom.cli.ServerOptions.Target;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.PgUrl;
import io.forgeloom.internal.pg.ServerFacts;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The checks of one server, on one session, one after the other. One thread at a time.
 *
 * <p>A check that fails says so and the next one follows. Without a session, or once it is lost, those that need one are
 * left out: nothing is said of what was not seen.
 */
final class ServerExam implements SideBySide.Look {

    /** The runtime's own default, so that the session starts as the runtime's do. */
    private static final Duration STATEMENT_TIMEOUT = Duration.ofSeconds(30);

    private static final String APPLICATION_NAME = "forge doctor";

    private final String role;
    private final PgUrl url;
    private final String origin;
    private final PrimaryMark mark;
    private final int poolSize;
    private final boolean poolSizeStated;
    private final Duration timeout;
    private final List<Finding> findings = new ArrayList<>();

    /**
     * @param poolSizeStated whether somebody gave {@code poolSize}, or it is the default
     * @param mark shared by the exams of one command
     */
    ServerExam(Target target, int poolSize, boolean poolSizeStated, Duration timeout, PrimaryMark mark) {
        this.role = target.role();
        this.url = target.url();
        this.origin = target.origin();
        this.poolSize = poolSize;
        this.poolSizeStated = poolSizeStated;
        this.timeout = timeout;
        this.mark = mark;
    }

    @Override
    public String role() {
        return role;
    }

    ServerReport report() {
        return new ServerReport(role, findings);
    }

    /** Makes all checks; ends soon after the deadline if whoever set it interrupts this thread then. */
    @Override
    public void run(Deadline deadline) {
        try {
            look(deadline);
        } finally {
            if (isPrimary()) {
                mark.giveUp();
            }
        }
    }

    private void look(Deadline deadline) {
        findings.add(Finding.ok("url", url + " " + origin));
        long started = System.nanoTime();
        PgSession session = connect(deadline);
        if (session == null) {
            return;
        }
        try (session) {
            long millis = Duration.ofNanos(System.nanoTime() - started).toMillis();
            findings.add(Finding.ok("connect", "the first session in " + millis + " ms, loading the driver included"));
            examine(session, deadline);
        }
    }

    private @Nullable PgSession connect(Deadline deadline) {
        Map<String, String> settings =
                isPrimary() ? Map.of("statement_timeout", Long.toString(STATEMENT_TIMEOUT.toMillis())) : Map.of();
        try {
            return new PgConnector(url, APPLICATION_NAME, settings).connect(deadline);
        } catch (SQLException e) {
            if (deadline.expired()) {
                findings.add(ConnectFailure.tooLate(timeout).because(e));
            } else {
                findings.addAll(ConnectFailure.explain(e));
            }
        } catch (InterruptedException e) {
            // At the deadline, or because the command as a whole is being ended; then nobody reads this.
            Thread.currentThread().interrupt();
            findings.add(ConnectFailure.tooLate(timeout).because(e));
        }
        return null;
    }

    private void examine(PgSession session, Deadline deadline) {
        ServerFacts facts;
        try {
            facts = ServerFacts.read(session);
        } catch (SQLException e) {
            findings.add(unanswered("version", e, deadline));
            return;
        }
        findings.add(SessionChecks.version(facts));
        findings.add(SessionChecks.proxy(facts));
        findings.add(isPrimary() ? SessionChecks.writable(facts, session) : SessionChecks.recovery(facts));
        List<Check> checks = new ArrayList<>();
        if (isPrimary()) {
            if (!facts.inRecovery()) {
                readMark(session);
            }
            checks.add(new Check("privileges", () -> SessionChecks.privileges(session)));
        }
        if (!isPrimary() && facts.inRecovery()) {
            checks.add(new Check("lag", () -> lag(session, deadline)));
        }
        checks.add(new Check("connections", () -> ConnectionBudget.read(session).judge(poolSize, poolSizeStated)));
        if (isPrimary()) {
            // A replica neither listens nor notifies.
            checks.add(new Check("notify-queue", () -> SessionChecks.notifyQueue(session)));
        }
        checks.add(new Check("tls", () -> SessionChecks.tls(session, url, facts.pooled())));
        checks.add(new Check(
                "settings", () -> SessionChecks.settings(session, isPrimary() ? STATEMENT_TIMEOUT.toMillis() : -1)));
        for (Check check : checks) {
            try {
                findings.add(check.question().ask());
            } catch (SQLException e) {
                findings.add(unanswered(check.name(), e, deadline));
                if (session.isClosed()) {
                    return;
                }
            }
        }
    }

    /** Without it, each replica says that its lag is not known. */
    private void readMark(PgSession session) {
        try {
            mark.read(session);
        } catch (SQLException e) {
            mark.giveUp();
        }
    }

    private Finding lag(PgSession session, Deadline deadline) throws SQLException {
        try {
            return SessionChecks.lag(mark.behind(session, deadline));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return SessionChecks.lag(null).because(e);
        }
    }

    private Finding unanswered(String check, SQLException failure, Deadline deadline) {
        Finding finding = deadline.expired()
                ? Finding.problem(
                        check,
                        "no answer by the end of the " + timeout.toSeconds() + " s; what follows was not looked at",
                        "look in pg_stat_activity what holds the session up; --timeout allows more")
                : Finding.problem(
                        check,
                        "could not be looked at: " + failure.getMessage(),
                        "see the server's log; --verbose shows where it failed");
        return finding.because(failure);
    }

    private boolean isPrimary() {
        return role.equals(ServerReport.PRIMARY);
    }

    /** One round trip, and how a failure of it is called. */
    private record Check(String name, Question question) {

        interface Question {
            Finding ask() throws SQLException;
        }
    }
}
