package io.forgeloom.database;

import io.forgeloom.database.AcquireException.Reason;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.pg.PgConnector;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Says why there was no connection: one reason, the pool's numbers, who holds the connections and what the server last
 * said. Safe for use by many threads.
 */
final class Refusals {

    private static final int HOLDERS_IN_MESSAGE = 5;

    private final String name;
    private final PgConnector connector;
    private final SessionPool sessions;
    private final Duration acquireTimeout;
    private final int maxWaiters;

    Refusals(String name, PgConnector connector, SessionPool sessions, DatabaseConfig config) {
        this.name = name;
        this.connector = connector;
        this.sessions = sessions;
        this.acquireTimeout = config.poolTimeout();
        this.maxWaiters = config.maxWaiters();
    }

    /** Why there is none, as far as the pool can tell now; {@code expired} tells whether the wait was over by the clock. */
    Reason reasonNow(boolean expired) {
        if (sessions.isClosed()) {
            return Reason.CLOSED;
        }
        // One whose wait was cut short was refused, even if the server is back meanwhile.
        if (sessions.refusing() != null || !expired) {
            return Reason.SERVER_DOWN;
        }
        PoolStats now = sessions.stats();
        if (now.active() + now.orphaned() >= now.maxSize()) {
            return Reason.EXHAUSTED;
        }
        return sessions.outage() == null ? Reason.CONNECTING_SLOWLY : Reason.SERVER_DOWN;
    }

    /** Said many thousand times a second by a server that is overrun: no list of holders, no format, no stack trace. */
    AcquireException queueFull(long begin) {
        sessions.countRefusal();
        PoolStats now = sessions.stats();
        return new AcquireException(
                Duration.ofNanos(System.nanoTime() - begin),
                now,
                name + ": no connection: " + maxWaiters + " threads wait already (" + now
                        + "); raise maxWaiters or poolSize, or let fewer in");
    }

    /** The diagnosis, with numbers and holders. */
    AcquireException refusal(Reason reason, long begin, @Nullable Exception cause) {
        PoolStats now = sessions.stats();
        SessionOpeners.Outage outage = sessions.outage();
        String refusing = sessions.refusing();
        String why = switch (reason) {
            case EXHAUSTED -> inUse(now) + holders();
            case CONNECTING_SLOWLY -> "no session was opened in time";
            case SERVER_DOWN ->
                refusing != null ? refusing : outage == null ? "the server could not be reached" : said(outage);
            case QUEUE_FULL -> "the queue is full";
            case READ_SHARE -> "reads use as many connections of the primary as they may";
            case CLOSED -> "the pool is closed";
            case INTERRUPTED -> "the thread was interrupted";
        };
        @Nullable
        Throwable because =
                cause == null && outage != null && reason == Reason.SERVER_DOWN ? outage.lastError() : cause;
        return refusal(reason, begin, now, why, because);
    }

    /** For whoever would exceed the part of the pool that reads may use. */
    AcquireException readShareUsed(long begin, String why) {
        return refusal(Reason.READ_SHARE, begin, sessions.stats(), why, null);
    }

    private AcquireException refusal(
            Reason reason, long begin, PoolStats now, String why, @Nullable Throwable because) {
        sessions.countRefusal();
        Duration waited = Duration.ofNanos(System.nanoTime() - begin);
        String message = String.format(
                Locale.ROOT,
                "%s %s: no connection after %d ms: %s (%s, acquire timeout %d ms)",
                name,
                connector,
                waited.toMillis(),
                why,
                now,
                acquireTimeout.toMillis());
        return new AcquireException(reason, waited, now, message, because);
    }

    private static String said(SessionOpeners.Outage outage) {
        SQLException error = outage.lastError();
        String what = SqlState.READ_ONLY.equals(error.getSQLState())
                ? "there is no server to write to"
                : "the server cannot be reached";
        return what + " since " + millisSince(outage.sinceNanos()) + " ms: " + error.getMessage();
    }

    private static String inUse(PoolStats now) {
        return now.orphaned() == 0
                ? "all " + now.maxSize() + " connections are in use, "
                : "all " + now.maxSize() + " places are taken, " + now.orphaned()
                        + " of them until backends without a client are ended, ";
    }

    /** Who has the connections, the longest first. */
    String holders() {
        long now = System.nanoTime();
        List<Holding> held = sessions.inUse().stream()
                .map(session -> Holding.of(session, now))
                .sorted(Comparator.comparingLong(Holding::nanos).reversed())
                .toList();
        if (held.isEmpty()) {
            return "none is held by now";
        }
        Thread me = Thread.currentThread();
        long own = held.stream().filter(holding -> holding.thread == me).count();
        String longest =
                held.stream().limit(HOLDERS_IN_MESSAGE).map(Holding::toString).collect(Collectors.joining("; "));
        return (own == 0 ? "" : own + " by this very thread, ") + "longest held by: " + longest;
    }

    private static long millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1_000_000;
    }

    /** One connection in use, its fields read once: its holder goes on with it, and a sort needs an order that stays. */
    private record Holding(
            @Nullable Thread thread, @Nullable String label, long nanos, String statement) {

        static Holding of(PooledSession session, long now) {
            String dedicatedTo = session.dedicatedTo;
            return new Holding(
                    session.holder,
                    dedicatedTo == null ? session.label : "dedicated " + dedicatedTo,
                    now - session.heldSinceNanos,
                    statement(session, now));
        }

        private static String statement(PooledSession session, long now) {
            long statementSince = session.statementSinceNanos;
            boolean timed = statementSince != 0 && statementSince != PooledSession.UNTIMED;
            long since = timed ? statementSince : session.session.blockedSince();
            String age = since == 0 ? "" : " for " + millis(now - since) + " ms";
            if (statementSince != 0) {
                return "statement running" + age;
            }
            // A commit, the fetch of more rows, the reset at the release.
            return since == 0 ? "between statements" : "between statements, waits for the server" + age;
        }

        /** What began after {@code now} was read has taken no time. */
        private static long millis(long nanos) {
            return Math.max(0, nanos / 1_000_000);
        }

        private static String nameOf(@Nullable Thread thread) {
            if (thread == null) {
                return "nobody any more";
            }
            return thread.getName().isEmpty() ? "thread #" + thread.threadId() : thread.getName();
        }

        @Override
        public String toString() {
            return nameOf(thread) + (label == null || label.isEmpty() ? "" : " (" + label + ")") + " for "
                    + millis(nanos) + " ms, " + statement;
        }
    }
}
