package io.forgeloom.database;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.EventType;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

/**
 * What a pool tells Java Flight Recorder. The names follow OpenTelemetry's metrics of database connection pools,
 * {@code db.client.connection.*}. Where an event is switched off, nothing is allocated for it.
 */
final class PoolEvents {

    private static final EventType WAIT = EventType.getEventType(Wait.class);
    private static final EventType USE = EventType.getEventType(Use.class);
    private static final EventType RESET = EventType.getEventType(Reset.class);

    private PoolEvents() {}

    /** Why a session ended. */
    enum CloseReason {
        /** The pool was closed. */
        POOL_CLOSED,
        /** It did not answer when it was tried. */
        DEAD,
        /** The connection failed under its user, or was aborted. */
        LOST,
        /** What its user left could not be undone. */
        UNCLEAN,
        /** Its server takes no writes any more, or the pool follows another one. */
        RETIRED,
        /** It was older than maxLifetime. */
        EXPIRED,
        /** It lay free for longer than idleTimeout. */
        IDLE,
        /** Its user's thread ended, or dropped the connection, without closing it. */
        ABANDONED,
        /** It was a dedicated connection, which is used once. */
        DEDICATED
    }

    /** What a release had to do so that the next user finds the session as it was opened. */
    enum ResetKind {
        /** A transaction was open, and nothing else was to be undone. */
        ROLLBACK,
        /** What was changed through JDBC was set back, call by call; an open transaction was rolled back before. */
        JDBC,
        /** As JDBC, and one message that resets all of the session: a statement may have touched it, or it was unwrapped. */
        TOUCHED,
        /** The same message, because {@link SessionReset#always()} says so. */
        ALWAYS
    }

    /** Whether a recording has the events of waits. */
    static boolean recordsWaits() {
        return WAIT.isEnabled();
    }

    /** A begun event, or null while nobody records it. */
    static @Nullable Wait beginWait() {
        if (!recordsWaits()) {
            return null;
        }
        Wait event = new Wait();
        event.begin();
        return event;
    }

    /** A begun event, or null while nobody records it. */
    static @Nullable Use beginUse(String pool, long session) {
        if (!USE.isEnabled()) {
            return null;
        }
        Use event = new Use();
        event.pool = pool;
        event.session = session;
        event.begin();
        return event;
    }

    /** A begun event, or null while nobody records it. */
    static @Nullable Reset beginReset(String pool, long session) {
        if (!RESET.isEnabled()) {
            return null;
        }
        Reset event = new Reset();
        event.pool = pool;
        event.session = session;
        event.begin();
        return event;
    }

    @Name("io.forgeloom.db.client.connection.wait_time")
    @Label("Connection Wait")
    @Description("A thread asked a pool for a connection and got one, or a refusal")
    @Category({"Forgeloom", "Connection Pool"})
    @Threshold("10 ms")
    static final class Wait extends Event {
        @Label("Pool")
        @Nullable
        String pool;

        @Label("Outcome")
        @Description("ACQUIRED, or the reason of the refusal")
        @Nullable
        String outcome;

        void end(String pool, String outcome) {
            end();
            if (shouldCommit()) {
                this.pool = pool;
                this.outcome = outcome;
                commit();
            }
        }
    }

    @Name("io.forgeloom.db.client.connection.use_time")
    @Label("Connection Use")
    @Description("A thread held a connection")
    @Category({"Forgeloom", "Connection Pool"})
    @Threshold("20 ms")
    static final class Use extends Event {
        @Label("Pool")
        @Nullable
        String pool;

        @Label("Session")
        long session;
    }

    @Name("io.forgeloom.db.client.connection.create_time")
    @Label("Connection Create")
    @Description("A session was opened, or could not be")
    @Category({"Forgeloom", "Connection Pool"})
    @StackTrace(false)
    static final class Create extends Event {
        @Label("Pool")
        @Nullable
        String pool;

        @Label("Error")
        @Description("What the server or the network said; null if the session was opened")
        @Nullable
        String error;
    }

    @Name("io.forgeloom.db.client.connection.reset_time")
    @Label("Connection Reset")
    @Description("A released connection had to be made clean for its next user")
    @Category({"Forgeloom", "Connection Pool"})
    @Threshold("10 ms")
    static final class Reset extends Event {
        @Label("Pool")
        @Nullable
        String pool;

        @Label("Session")
        long session;

        @Label("Kind")
        @Description("ROLLBACK, JDBC (settings set back one by one), TOUCHED or ALWAYS (one message resets all)")
        @Nullable
        String kind;

        @Label("Outcome")
        @Description("CLEAN, or UNCLEAN: the session is ended")
        @Nullable
        String outcome;

        void end(ResetKind kind, boolean clean) {
            end();
            if (shouldCommit()) {
                this.kind = kind.name();
                this.outcome = clean ? "CLEAN" : CloseReason.UNCLEAN.name();
                commit();
            }
        }
    }

    @Name("io.forgeloom.db.client.connection.close")
    @Label("Connection Close")
    @Description("A session ended")
    @Category({"Forgeloom", "Connection Pool"})
    @StackTrace(false)
    static final class Close extends Event {
        @Label("Pool")
        @Nullable
        String pool;

        @Label("Session")
        long session;

        @Label("Reason")
        @Nullable
        String reason;
    }

    @Name("io.forgeloom.db.client.connection.leak")
    @Label("Connection Leak")
    @Description("A connection is held for longer than leakThreshold")
    @Category({"Forgeloom", "Connection Pool"})
    @StackTrace(false)
    static final class Leak extends Event {
        @Label("Pool")
        @Nullable
        String pool;

        @Label("Session")
        long session;

        @Label("Thread")
        @Nullable
        Thread holder;
    }
}
