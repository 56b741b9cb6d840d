package io.forgeloom.database;

import io.forgeloom.error.SqlState;
import io.forgeloom.internal.pg.PgConnector;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * When to leave a server in peace that takes connections and drops them. Every connect of a pool counts, whoever makes it;
 * who connects for the pool's own sake, to end a backend or to ask about silent sessions, waits until somebody's has
 * succeeded, or tries rarely. Safe for use by many threads.
 */
final class HoldOff {

    // Only what shows no server counts: nobody who refuses is worn out by being asked, and who answers with an error is
    // there. After each number of failures the pause is longer than that of the notify bus, whose own connects move it
    // on: beside a bus there is one connect of this kind in an outage, and without one there are six in a minute.
    //
    // A server, or a proxy, may also drop sessions soon after their login. There a login proves nothing, and behind
    // each session that was lost there would be one connect more, to end what may be left of it. So whoever ends
    // backends counts a session that the network took from us EARLY, ten seconds after its login at most, as a failed
    // connect. (Where they live for longer, a minute has room for six of them and six connects behind them.) One by
    // itself says nothing: a network may end a session at any age, and a living server's orphan is to be gone at once.
    // Nor do others that were there when it was lost: it is the same blow. With the second one such connects are held
    // off, whatever succeeds, until the time has passed or a login is ten seconds old and nothing was lost after it.
    // Whoever asks about silent sessions is not concerned: where sessions are dropped, none is silent.

    private static final long FIRST = Duration.ofSeconds(1).toNanos();
    private static final int LAST_DOUBLING = 5;

    /** A session that is lost at a lesser age may have been dropped for having logged in. */
    static final Duration EARLY = Duration.ofSeconds(10);

    /** So many in a row, and the {@link System#nanoTime()} until which to wait. */
    private record Drops(int count, long until) {
        static Drops next(@Nullable Drops before, long now) {
            int count = before == null ? 0 : before.count;
            return new Drops(count + 1, now + (FIRST << Math.min(count, LAST_DOUBLING)));
        }
    }

    /**
     * Drops in a row, of which one had logged in.
     *
     * @param again whether more than one had
     * @param last when the last one was dropped
     * @param login the first one after that; null if there was none
     */
    private record Losses(
            boolean again, Drops drops, long last, @Nullable Long login) {
        boolean isOver(long now) {
            return login != null && now - login >= EARLY.toNanos();
        }

        Losses next(boolean hadLoggedIn, long now) {
            return new Losses(again || hadLoggedIn, Drops.next(drops, now), now, null);
        }
    }

    private final LongSupplier clock;
    private final AtomicReference<@Nullable Drops> drops = new AtomicReference<>();
    private final AtomicReference<@Nullable Losses> losses = new AtomicReference<>();

    HoldOff() {
        this(System::nanoTime);
    }

    HoldOff(LongSupplier clock) {
        this.clock = clock;
    }

    /** A connect succeeded, or an answer came. */
    void succeeded() {
        if (drops.get() != null) {
            drops.set(null);
        }
        Losses row = losses.get();
        if (row != null && row.login == null) {
            // If another one was lost in this instant, this login was before that.
            losses.compareAndSet(row, new Losses(row.again, row.drops, row.last, clock.getAsLong()));
        }
    }

    /** A connect failed, or a session without having answered. */
    void failed(SQLException failure) {
        String state = SqlState.of(failure);
        boolean dropped = (state == null || state.startsWith("08")) && !PgConnector.foundNobody(failure);
        if (dropped) {
            long now = clock.getAsLong();
            drops.updateAndGet(before -> Drops.next(before, now));
            losses.updateAndGet(row -> row == null || row.isOver(now) ? null : row.next(false, now));
        }
    }

    /**
     * The network took a session from its user.
     *
     * @param opened when it had logged in, {@link System#nanoTime()}
     */
    void lost(long opened) {
        long now = clock.getAsLong();
        if (now - opened < EARLY.toNanos()) {
            losses.updateAndGet(row -> {
                if (row == null || row.isOver(now)) {
                    return new Losses(false, new Drops(0, now), now, null);
                }
                return opened - row.last < 0 ? row : row.next(true, now);
            });
        }
    }

    /** Whether connects fail. */
    boolean isActive() {
        Drops now = drops.get();
        return now != null && clock.getAsLong() - now.until < 0;
    }

    /** Whether connects fail, or are of no use since the session is lost soon. */
    boolean isActiveForOrphans() {
        Losses row = losses.get();
        long now = clock.getAsLong();
        return isActive() || (row != null && row.again && !row.isOver(now) && now - row.drops.until < 0);
    }
}
