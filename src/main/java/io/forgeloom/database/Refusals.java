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

    /** Why there is none, as far as the pool can tell now. */
    Reason reasonNow() {
        if (sessions.isClosed()) {
            return Reason.CLOSED;
        }
        if (sessions.refusing() != null) {
            return Reason.SERVER_DOWN;
        }
        PoolStats now = sessions.stats();
        if (now.active() >= now.maxSize()) {
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
        sessions.countRefusal();
        Duration waited = Duration.ofNanos(System.nanoTime() - begin);
        PoolStats now = sessions.stats();
        SessionOpeners.Outage outage = sessions.outage();
        String refusing = sessions.refusing();
        String why = switch (reason) {
            case EXHAUSTED -> "all " + now.maxSize() + " connections are in use, " + holders();
            case CONNECTING_SLOWLY -> "no session was opened in time";
            case SERVER_DOWN ->
                refusing != null ? refusing : outage == null ? "the server could not be reached" : said(outage);
            case QUEUE_FULL -> "the queue is full";
            case CLOSED -> "the pool is closed";
            case INTERRUPTED -> "the thread was interrupted";
        };
        String message = String.format(
                Locale.ROOT,
                "%s %s: no connection after %d ms: %s (%s, acquire timeout %d ms)",
                name,
                connector,
                waited.toMillis(),
                why,
                now,
                acquireTimeout.toMillis());
        @Nullable
        Throwable because =
                cause == null && outage != null && reason == Reason.SERVER_DOWN ? outage.lastError() : cause;
        return new AcquireException(reason, waited, now, message, because);
    }

    private static String said(SessionOpeners.Outage outage) {
        SQLException error = outage.lastError();
        String what = SqlState.READ_ONLY.equals(error.getSQLState())
                ? "there is no server to write to"
                : "the server cannot be reached";
        return what + " since " + millisSince(outage.sinceNanos()) + " ms: " + error.getMessage();
    }

    /** Who has the connections, the longest first. */
    String holders() {
        List<PooledSession> held = sessions.inUse();
        Thread me = Thread.currentThread();
        long own = held.stream().filter(session -> session.holder == me).count();
        String longest = held.stream()
                .sorted(Comparator.comparingLong((PooledSession session) -> -millisSince(session.heldSinceNanos)))
                .limit(HOLDERS_IN_MESSAGE)
                .map(session -> holderName(session) + " for " + millisSince(session.heldSinceNanos) + " ms")
                .collect(Collectors.joining(", "));
        return (own == 0 ? "" : own + " by this very thread, ") + "longest held by: " + longest;
    }

    private static String holderName(PooledSession session) {
        String dedicatedTo = session.dedicatedTo;
        if (dedicatedTo != null) {
            return "dedicated " + dedicatedTo;
        }
        Thread holder = session.holder;
        if (holder == null) {
            return "nobody any more";
        }
        return holder.getName().isEmpty() ? "thread #" + holder.threadId() : holder.getName();
    }

    private static long millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1_000_000;
    }
}
