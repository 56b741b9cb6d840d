package io.forgeloom.database;

import io.forgeloom.database.PoolEvents.ResetKind;
import io.forgeloom.internal.pg.DriverSettings;
import io.forgeloom.internal.pg.PgSession;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Sees to it that nothing of one user reaches the next: judges statements while a session is used, and cleans it when it
 * is released. One for each pool; safe for use by many threads, each with a session of its own.
 */
final class SessionHygiene {

    // The parts of DISCARD ALL, less DEALLOCATE ALL and DISCARD PLANS: the driver's prepared statements and their plans
    // stay. The names of those that the user prepared by SQL come back, to be dropped by a second message. (A DO block
    // would drop them in this one, and cost 60 us each time to find that there is none.)
    private static final String RESET = """
            CLOSE ALL;
            SET SESSION AUTHORIZATION DEFAULT;
            RESET ROLE;
            RESET ALL;
            UNLISTEN *;
            SELECT pg_catalog.pg_advisory_unlock_all();
            DISCARD TEMP;
            DISCARD SEQUENCES;
            SELECT name FROM pg_catalog.pg_prepared_statement() WHERE from_sql""";

    /** A power of two. */
    private static final int JUDGED = 1024;

    /** Longer ones are judged each time rather than kept. */
    private static final int LONGEST_KEPT = 8192;

    private record Judged(String sql, SqlTouch touch) {}

    private final String poolName;
    private final SessionReset when;
    private final Duration limit;

    /** Another one only before anybody uses a session. */
    private volatile HarmlessFunctions harmless;

    /**
     * Judgements by the hash of the text, each in its one place, the latest wins. Written and read without order: a lost
     * one is made again, and a record is seen whole or not at all.
     */
    private final @Nullable Judged[] judged = new Judged[JUDGED];

    SessionHygiene(String poolName, SessionReset when, HarmlessFunctions harmless, Duration limit) {
        this.poolName = poolName;
        this.when = when;
        this.harmless = harmless;
        this.limit = limit;
    }

    /** For a pool that was opened before its server could be asked. */
    void learn(HarmlessFunctions functions) {
        harmless = functions;
    }

    // ---- in use ----

    /** What a statement can leave behind. A text that was judged before costs a look-up. */
    SqlTouch touchOf(String sql) {
        int hash = sql.hashCode();
        int place = (hash ^ (hash >>> 16)) & (JUDGED - 1);
        Judged known = judged[place];
        if (known != null && known.sql.equals(sql)) {
            return known.touch;
        }
        if (when instanceof SessionReset.Never) {
            return SqlTouch.NONE;
        }
        SqlTouch touch = TouchClassifier.classify(sql, harmless);
        if (sql.length() <= LONGEST_KEPT) {
            judged[place] = new Judged(sql, touch);
        }
        return touch;
    }

    // ---- release ----

    /**
     * Makes a session as it was when it was opened.
     *
     * @param pooled the session, of which nobody has the use any more
     * @param touch the worst of the statements
     * @param used whether any statement was executed
     * @param changed what was changed through JDBC
     * @param unwrapped the driver's settings, if the user had the driver's own connection
     * @return false if that is not possible; the session is to be ended
     */
    boolean clean(
            PooledSession pooled,
            SqlTouch touch,
            boolean used,
            @Nullable ChangedState changed,
            @Nullable DriverSettings unwrapped) {
        if (touch == SqlTouch.LASTING) {
            return false;
        }
        if (unwrapped == null) {
            return cleanNow(pooled, touch, used, changed, null);
        }
        PgSession session = pooled.session;
        // Whoever has the driver's connection may have given it to a thread that is in a call at this moment, and the
        // driver would have us wait for its end.
        AtomicBoolean clean = new AtomicBoolean();
        Thread cleaner = Thread.ofVirtual()
                .name("forgeloom-clean-" + poolName)
                .start(() -> clean.set(
                        !session.inCopy() && cleanNow(pooled, SqlTouch.RESETTABLE, true, changed, unwrapped)));
        if (join(cleaner)) {
            return clean.get();
        }
        session.abort();
        cleaner.interrupt();
        if (!join(cleaner)) {
            ConnectionPool.LOG.log(
                    Level.WARNING,
                    "{0}: {1} did not end {2} after its session was aborted",
                    poolName,
                    cleaner.getName(),
                    limit);
        }
        return false;
    }

    /** False after the time limit, and on an interrupt, whose flag stays set. */
    private boolean join(Thread cleaner) {
        try {
            return cleaner.join(limit);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private boolean cleanNow(
            PooledSession pooled,
            SqlTouch touch,
            boolean used,
            @Nullable ChangedState changed,
            @Nullable DriverSettings unwrapped) {
        PgSession session = pooled.session;
        Connection connection = session.connection();
        try {
            boolean asOpened = changed == null && !session.inTransaction() && connection.getAutoCommit();
            if (asOpened && !needsReset(session, touch, used)) {
                if (used) {
                    connection.clearWarnings();
                }
                return true;
            }
            return reset(pooled, touch, used, changed, unwrapped);
        } catch (SQLException e) {
            ConnectionPool.LOG.log(
                    Level.DEBUG, () -> poolName + ": a released session could not be cleaned and is ended", e);
            return false;
        }
    }

    private boolean reset(
            PooledSession pooled,
            SqlTouch touch,
            boolean used,
            @Nullable ChangedState changed,
            @Nullable DriverSettings unwrapped)
            throws SQLException {
        PgSession session = pooled.session;
        Connection connection = session.connection();
        PoolEvents.Reset event = PoolEvents.beginReset(poolName, pooled.number);
        ResetKind kind = changed == null && session.inTransaction() ? ResetKind.ROLLBACK : ResetKind.JDBC;
        boolean clean = false;
        try {
            int timeout = changed == null ? connection.getNetworkTimeout() : changed.originalNetworkTimeout();
            connection.setNetworkTimeout(Runnable::run, (int) limit.toMillis());
            restoreJdbc(session, changed, unwrapped);
            if (needsReset(session, touch, used)) {
                kind = when instanceof SessionReset.Always ? ResetKind.ALWAYS : ResetKind.TOUCHED;
                deallocate(session, session.send(RESET));
                session.dropNotifications();
                session.acceptReported();
            }
            connection.clearWarnings();
            connection.setNetworkTimeout(Runnable::run, timeout);
            clean = !session.inTransaction();
        } finally {
            if (event != null) {
                event.end(kind, clean);
            }
        }
        return clean;
    }

    private static void deallocate(PgSession session, List<String> prepared) throws SQLException {
        if (!prepared.isEmpty()) {
            session.send(prepared.stream()
                    .map(name -> "DEALLOCATE \"" + name.replace("\"", "\"\"") + "\"")
                    .collect(Collectors.joining("; ")));
        }
    }

    /** True also if the server says that something changed whose cause went unseen. To be asked outside a transaction. */
    private boolean needsReset(PgSession session, SqlTouch touch, boolean used) {
        return switch (when) {
            case SessionReset.Always always -> true;
            case SessionReset.Never never -> {
                if (used) {
                    session.noticeStandby();
                }
                yield false;
            }
            case SessionReset.WhenTouched whenTouched -> touch != SqlTouch.NONE || (used && session.reportsChange());
        };
    }

    private static void restoreJdbc(
            PgSession session, @Nullable ChangedState changed, @Nullable DriverSettings unwrapped) throws SQLException {
        Connection connection = session.connection();
        if (unwrapped != null) {
            unwrapped.restore();
        }
        if (session.inTransaction()) {
            rollbackWhatever(connection);
        }
        // Only after the rollback: the driver's setAutoCommit(true) commits what is open.
        if (!connection.getAutoCommit()) {
            connection.setAutoCommit(true);
        }
        if (changed != null) {
            changed.undo();
        }
    }

    /** The driver refuses rollback() while it is in auto-commit, in which a transaction that SQL began may be open. */
    private static void rollbackWhatever(Connection connection) throws SQLException {
        if (!connection.getAutoCommit()) {
            connection.rollback();
            return;
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("ROLLBACK");
        }
    }
}
