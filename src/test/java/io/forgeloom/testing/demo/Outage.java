package io.forgeloom.testing.demo;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The one kill of the server, as times of {@link System#nanoTime()}, and the clock of the run. The script notes what it
 * does to the server, clients note what they see. Safe for use by many threads.
 *
 * <p>Each moment is noted once, in the order of the fields; {@link #NOT_YET} until then.
 */
final class Outage {

    static final long NOT_YET = Long.MIN_VALUE;

    /** What the script last did to the server. */
    enum ServerState {
        UP,
        KILLED,
        RECOVERING
    }

    private volatile long started = NOT_YET;
    private volatile long killed = NOT_YET;
    private volatile long dead = NOT_YET;
    private volatile long restarting = NOT_YET;
    private volatile long accepting = NOT_YET;
    private final AtomicLong firstCommit = new AtomicLong(NOT_YET);
    private final CountDownLatch recovered = new CountDownLatch(1);

    /** The load begins now. */
    void start() {
        started = System.nanoTime();
    }

    /** Nanoseconds since the load began; 0 before. */
    long elapsedNanos() {
        long from = started;
        return from == NOT_YET ? 0 : System.nanoTime() - from;
    }

    /** The server is about to be killed. */
    void killing() {
        killed = System.nanoTime();
    }

    /** All its processes are gone: what is answered from now on, another one answers. */
    void dead() {
        dead = System.nanoTime();
    }

    void restarting() {
        restarting = System.nanoTime();
    }

    /** The server has taken a connection of ours, outside of the pool. */
    void accepting() {
        accepting = System.nanoTime();
    }

    /** A transaction is committed whose body ended at {@code bodyEnded}; the first on the new server is remembered. */
    void committed(long bodyEnded) {
        if (dead != NOT_YET && bodyEnded - dead > 0 && firstCommit.get() == NOT_YET) {
            if (firstCommit.compareAndSet(NOT_YET, System.nanoTime())) {
                recovered.countDown();
            }
        }
    }

    /** Waits for the first commit after the kill; false if there was none in time. */
    boolean awaitFirstCommit(long timeout, TimeUnit unit) throws InterruptedException {
        return recovered.await(timeout, unit);
    }

    /** Whether a wait from {@code asked} to now was, in part, for the server and not for other clients. */
    boolean prolonged(long asked, long now) {
        long back = firstCommit.get();
        return killed != NOT_YET && now - killed > 0 && (back == NOT_YET || asked - back < 0);
    }

    /**
     * Whether an answer that came now, to a transaction whose body ended at {@code bodyEnded}, cannot have come over the
     * connection that it ran on: that one died with the server, and another was asked what became of it.
     */
    boolean answeredAfterwards(long bodyEnded) {
        return dead != NOT_YET && bodyEnded - dead < 0 && restarting != NOT_YET && System.nanoTime() - restarting > 0;
    }

    ServerState state() {
        if (killed == NOT_YET || accepting != NOT_YET) {
            return ServerState.UP;
        }
        return restarting == NOT_YET ? ServerState.KILLED : ServerState.RECOVERING;
    }

    /** Nanoseconds since the server is in its {@link #state()}. */
    long stateNanos() {
        long since = switch (state()) {
            case UP -> accepting == NOT_YET ? started : accepting;
            case KILLED -> killed;
            case RECOVERING -> restarting;
        };
        return System.nanoTime() - since;
    }

    /**
     * What the outage was, in nanoseconds.
     *
     * @param killedAt when the server was killed, from the start of the load
     * @param untilDead from the kill until all its processes were gone
     * @param untilAccepting from the start of the new server until it took a connection
     * @param untilFirstCommit from then until the first commit; 0 if that came before our look
     * @param killToFirstCommit from the kill until the first commit
     */
    record Times(long killedAt, long untilDead, long untilAccepting, long untilFirstCommit, long killToFirstCommit) {}

    boolean happened() {
        return killed != NOT_YET;
    }

    boolean over() {
        return firstCommit.get() != NOT_YET && accepting != NOT_YET;
    }

    /** Only after {@link #over()}. */
    Times times() {
        long first = firstCommit.get();
        return new Times(
                killed - started,
                dead - killed,
                accepting - restarting,
                Math.max(0, first - accepting),
                first - killed);
    }
}
