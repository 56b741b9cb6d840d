package io.forgeloom.database;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.PgUrl;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;
import sun.misc.Unsafe;

/**
 * The pool's permits and slots where sessions go from hand to hand. Forbidden: a session in two hands, a user who waits
 * while one is free, a permit that is lost or one too many.
 */
public final class HandoverStress {

    private static final DatabaseConfig CONFIG =
            DatabaseConfig.builder("jdbc:postgresql://127.0.0.1:1/none").build();

    private static final PgConnector CONNECTOR = new PgConnector(PgUrl.parse("url", CONFIG.url()), "stress", Map.of());

    private HandoverStress() {}

    /** A session that is never used: it has no server. */
    private static PgSession unused() {
        try {
            Field unsafe = Unsafe.class.getDeclaredField("theUnsafe");
            unsafe.setAccessible(true);
            return (PgSession) ((Unsafe) unsafe.get(null)).allocateInstance(PgSession.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** A pool without a server, whose sessions are all free. */
    static SessionPool pool(int size) {
        SessionPool pool = new SessionPool("stress", CONFIG, size, 0, CONNECTOR, Duration.ofSeconds(1));
        for (int i = 0; i < size; i++) {
            pool.add(unused(), 0, 0);
        }
        return pool;
    }

    /** Users of one pool, and what they noticed. */
    abstract static class Users {
        final SessionPool pool;
        private final AtomicBoolean[] inUse;
        volatile String complaint = "conserved";

        Users(int size) {
            pool = pool(size);
            inUse = new AtomicBoolean[size];
            for (int i = 0; i < size; i++) {
                inUse[i] = new AtomicBoolean();
            }
        }

        final void use(PooledSession session) {
            if (!inUse[session.slot].compareAndSet(false, true)) {
                complaint = "in two hands";
            }
            inUse[session.slot].set(false);
            pool.give(session);
        }

        final void takeAndUse() {
            try {
                PooledSession session = pool.take(Deadline.after(Duration.ofSeconds(10)));
                if (session == null) {
                    complaint = "nothing for 10 s";
                } else {
                    use(session);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                complaint = "interrupted";
            }
        }

        /** Takes all there are: as many as before, and not one more. */
        final String end() {
            for (int i = 0; i < inUse.length; i++) {
                if (pool.tryTake() == null) {
                    return "a permit is lost";
                }
            }
            return pool.stats().idle() != 0 ? "a permit too many" : complaint;
        }
    }

    /** One waits for the session that another has for a moment. */
    @JCStressTest
    @Outcome(id = "conserved", expect = ACCEPTABLE, desc = "Each was served, and the session is there.")
    @Outcome(expect = FORBIDDEN, desc = "Something was lost or doubled.")
    @State
    public static class OneForTwo extends Users {

        /** One free session. */
        public OneForTwo() {
            super(1);
        }

        /** Waits its turn. */
        @Actor
        public void first() {
            takeAndUse();
            takeAndUse();
        }

        /** As the first. */
        @Actor
        public void second() {
            takeAndUse();
        }

        /** The balance. */
        @Arbiter
        public void balance(L_Result result) {
            result.r1 = end();
        }
    }

    /** Two for two: each slot is taken by one. */
    @JCStressTest
    @Outcome(id = "conserved", expect = ACCEPTABLE, desc = "Each was served, and both sessions are there.")
    @Outcome(expect = FORBIDDEN, desc = "Something was lost or doubled.")
    @State
    public static class TwoForTwo extends Users {

        /** Two free sessions. */
        public TwoForTwo() {
            super(2);
        }

        /** Waits its turn. */
        @Actor
        public void first() {
            takeAndUse();
        }

        /** As the first. */
        @Actor
        public void second() {
            takeAndUse();
        }

        /** The balance. */
        @Arbiter
        public void balance(L_Result result) {
            result.r1 = end();
        }
    }

    /** The upkeep looks for one to try while a user takes one. */
    @JCStressTest
    @Outcome(id = "conserved", expect = ACCEPTABLE, desc = "Each was served, and both sessions are there.")
    @Outcome(expect = FORBIDDEN, desc = "Something was lost or doubled.")
    @State
    public static class UpkeepBesideAUser extends Users {

        /** Two free sessions. */
        public UpkeepBesideAUser() {
            super(2);
        }

        /** A user. */
        @Actor
        public void user() {
            takeAndUse();
        }

        /** Takes out one after the other, and keeps the one that users take first, if it is there. */
        @Actor
        public void upkeep() {
            PooledSession session = pool.takeIdle(one -> one.slot == 0);
            if (session != null) {
                use(session);
            }
        }

        /** The balance. */
        @Arbiter
        public void balance(L_Result result) {
            result.r1 = end();
        }
    }
}
