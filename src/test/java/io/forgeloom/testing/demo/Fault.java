package io.forgeloom.testing.demo;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.LongAccumulator;
import java.util.concurrent.atomic.LongAdder;

/**
 * One thing that was done to a server, and what became of the reads meanwhile. The script notes the moments, readers what
 * they met. Safe for use by many threads.
 */
final class Fault {

    static final long NOT_YET = -1;

    /** What was done to the server. */
    enum Kind {
        KILLED("killed (SIGKILL)"),
        REPLAY_PAUSED("replay paused"),
        STOPPED("stopped (SIGSTOP)"),
        PRIMARY_KILLED("killed");

        private final String text;

        Kind(String text) {
            this.text = text;
        }

        /** Whether the server cannot serve meanwhile, so that it must leave the rotation. */
        boolean isReplicaDown() {
            return this == KILLED || this == STOPPED;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    final int server;
    private final String name;
    private final Kind kind;
    private final Instant began = Instant.now();
    private final LongAdder failed = new LongAdder();
    private final LongAccumulator longestNanos = new LongAccumulator(Math::max, 0);
    private volatile int inFlight;
    private volatile long outNanos = NOT_YET;
    private volatile long healing = System.nanoTime();
    private volatile long backNanos = NOT_YET;
    private volatile long readsWhenBack;

    Fault(int server, String name, Kind kind, int inFlight) {
        this.server = server;
        this.name = name;
        this.kind = kind;
        this.inFlight = inFlight;
    }

    /** As many reads were seen inside the server a moment later: the last one got in before the fault took hold. */
    void inFlight(int reads) {
        inFlight = Math.max(inFlight, reads);
    }

    /** It was seen out of the rotation, in which state it is {@code since}. */
    void out(Instant since) {
        outNanos = Math.max(0, Duration.between(began, since).toNanos());
    }

    /** The server answers again, as far as the operating system is concerned. */
    void healed() {
        healing = System.nanoTime();
    }

    /**
     * Reads go there again.
     *
     * @param reads of this server until now
     */
    void back(long reads) {
        readsWhenBack = reads;
        backNanos = System.nanoTime() - healing;
    }

    void failed() {
        failed.increment();
    }

    void took(long nanos) {
        longestNanos.accumulate(nanos);
    }

    /**
     * What came of it.
     *
     * @param reads of this server at the end of the load
     */
    Result result(long reads) {
        return new Result(
                name,
                kind,
                inFlight,
                failed.sum(),
                longestNanos.get(),
                outNanos,
                backNanos,
                backNanos == NOT_YET ? 0 : reads - readsWhenBack);
    }

    /**
     * A fault that is over. Immutable.
     *
     * @param server its name
     * @param inFlight reads that were inside that server when it began
     * @param failed reads that failed from then until the server was back
     * @param longestNanos that a read took in this time, wherever it went
     * @param outNanos until the server was out of the rotation, or {@link #NOT_YET}
     * @param backNanos from the server's own recovery until reads went there again, or {@link #NOT_YET}
     * @param readsAfter reads that went there afterwards
     */
    record Result(
            String server,
            Kind kind,
            int inFlight,
            long failed,
            long longestNanos,
            long outNanos,
            long backNanos,
            long readsAfter) {

        boolean isOver() {
            return backNanos != NOT_YET && (kind == Kind.PRIMARY_KILLED || readsAfter > 0);
        }
    }
}
