package io.forgeloom.database;

import io.forgeloom.database.ServerCheckException.Check;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.DeadlineExceededException;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.RoleFacts;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Looks for the one of several servers that takes writes, when the database is opened. One thread at a time. */
final class PrimarySearch {

    /** A server that says nothing for so long is not waited for: another one may be the primary. */
    private static final Duration PATIENCE = Duration.ofSeconds(3);

    /**
     * What one server said.
     *
     * @param problem why it said nothing; null if it did
     */
    record Answer(
            PgConnector connector,
            @Nullable RoleFacts facts,
            @Nullable String problem,
            @Nullable SQLException error) {

        PrimaryChoice.Candidate candidate() {
            return new PrimaryChoice.Candidate(connector.toString(), facts, problem);
        }
    }

    private final List<PgConnector> connectors;

    /** Sessions that may be left over; each is removed by whoever takes care of it. */
    private final ConcurrentHashMap<PgConnector, PgSession> open = new ConcurrentHashMap<>();

    // Set by open().
    private List<Answer> answers = List.of();
    private int index = PrimaryChoice.NONE;

    PrimarySearch(List<PgConnector> connectors) {
        this.connectors = connectors;
    }

    /** What each server said, in the order of the configuration. */
    List<Answer> answers() {
        return answers;
    }

    /** The one that was found. */
    int index() {
        return index;
    }

    /** What the one that was found said. */
    RoleFacts facts() {
        RoleFacts facts = answers.get(index).facts();
        if (facts == null) {
            throw new IllegalStateException("nothing was found");
        }
        return facts;
    }

    /**
     * Opens a session with the writable one, and aims {@code pool} at it.
     *
     * @throws ServerCheckException if there is not exactly one, or if they are not of one cluster
     * @throws SQLException if none answered
     */
    PgSession open(PgConnector pool, Duration connectTimeout) throws SQLException, InterruptedException {
        Duration patience = connectTimeout.compareTo(PATIENCE) < 0 ? connectTimeout : PATIENCE;
        try {
            answers = ask(patience);
            index = choose();
            pool.aim(connectors.get(index));
            for (Answer answer : answers) {
                if (answer.problem() != null) {
                    ConnectionPool.LOG.log(
                            Level.WARNING, "primary {0}: {1}; {2} is used", answer.connector(), answer.problem(), pool);
                }
            }
            PgSession found = open.remove(connectors.get(index));
            if (found == null) {
                throw new IllegalStateException("nothing was found");
            }
            return found;
        } finally {
            open.values().forEach(PgSession::abort);
        }
    }

    private List<Answer> ask(Duration patience) throws InterruptedException {
        // One second beyond the deadline of each answer, so that a subtask itself says what it waited for.
        try (TaskScope scope = TaskScope.open("forgeloom-search", Deadline.after(patience.plusSeconds(1)))) {
            List<TaskScope.Subtask<Answer>> asked = new ArrayList<>();
            for (PgConnector connector : connectors) {
                asked.add(scope.fork(
                        "forgeloom-search-" + connector.url().hosts().get(0), () -> ask(connector, patience)));
            }
            scope.join();
            return asked.stream().map(TaskScope.Subtask::get).toList();
        } catch (TimeoutException e) {
            throw new DeadlineExceededException(
                    "the search for the primary was not done within " + patience.plusSeconds(1) + ": " + e.getMessage(),
                    patience.plusSeconds(1),
                    e);
        } catch (ExecutionException e) {
            throw new IllegalStateException("the search for the primary failed", e.getCause());
        }
    }

    private Answer ask(PgConnector connector, Duration patience) throws InterruptedException {
        Deadline deadline = Deadline.after(patience);
        try {
            PgSession session = connector.connect(deadline);
            open.put(connector, session);
            Connection connection = session.connection();
            int before = connection.getNetworkTimeout();
            connection.setNetworkTimeout(
                    Runnable::run, (int) Math.max(1, deadline.remaining().toMillis()));
            RoleFacts facts = RoleFacts.read(session);
            connection.setNetworkTimeout(Runnable::run, before);
            return new Answer(connector, facts, null, null);
        } catch (SQLException e) {
            return new Answer(connector, null, "no answer: " + e.getMessage(), e);
        }
    }

    private int choose() throws SQLException {
        requireOneCluster();
        List<PrimaryChoice.Candidate> candidates =
                answers.stream().map(Answer::candidate).toList();
        return switch (PrimaryChoice.of(candidates, PrimaryChoice.NONE, 0, 0)) {
            case PrimaryChoice.Follow follow -> follow.index();
            case PrimaryChoice.Stay stay -> throw notWritable(stay.why());
            case PrimaryChoice.Refuse refuse -> throw notWritable(refuse.why());
        };
    }

    private ServerCheckException notWritable(String why) throws SQLException {
        boolean silent = true;
        for (Answer answer : answers) {
            silent &= answer.facts() == null;
        }
        SQLException first = answers.get(0).error();
        if (silent && first != null) {
            // Nothing was found out about any server.
            throw new DatabaseException("primary: " + why, first);
        }
        return new ServerCheckException(
                Check.WRITABLE,
                "primary",
                names(),
                why,
                "one server that takes writes",
                "promote a standby, or name the primary in url or primaryUrls");
    }

    private void requireOneCluster() {
        Answer first = null;
        for (Answer answer : answers) {
            RoleFacts facts = answer.facts();
            if (facts == null) {
                continue;
            }
            RoleFacts known = first == null ? null : first.facts();
            if (first == null || known == null) {
                first = answer;
            } else if (known.cluster() != facts.cluster()) {
                throw new ServerCheckException(
                        Check.SAME_CLUSTER,
                        "primary",
                        answer.connector().toString(),
                        "a server of another cluster than " + first.connector() + " (system identifiers "
                                + Long.toUnsignedString(facts.cluster()) + " and "
                                + Long.toUnsignedString(known.cluster()) + ")",
                        "servers of one cluster in url and primaryUrls: a primary and its standbys",
                        "remove the one that does not belong there");
            }
        }
    }

    private String names() {
        return String.join(", ", connectors.stream().map(PgConnector::toString).toList());
    }
}
