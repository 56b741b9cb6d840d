package io.forgeloom.database;

import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgUrl;
import io.forgeloom.internal.pg.RoleFacts;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the primary's pool aimed at the one of several servers that takes writes. Safe for use by many threads.
 */
final class PrimaryFollower {

    // Each candidate is asked by its own thread, and after each answer that thread judges all: what the others said
    // last
    // is known, so nobody waits for one that hangs. A change is made under the lock in this order: where sessions are
    // opened, then the fence, behind which no session of the old server begins a statement. So, once a change is
    // announced, nothing more is written there but by statements that the server had before.

    private static final System.Logger LOG = ConnectionPool.LOG;

    private static final long INTERVAL_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    /** While there is nobody to write to. */
    private static final long SEARCH_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final ConnectionPool pool;
    private final List<PrimaryCandidate> candidates;
    private final long cluster;

    /** Guards what follows; nothing blocks under it. */
    private final ReentrantLock lock = new ReentrantLock();

    private int current;
    private long timeline;
    private long lostNanos;

    /** What those know who look at two claims; to tell of each only once. Guarded by the lock. */
    private String rivals = "";

    /** Written under the lock. Why nobody is writable; null while the one that is followed answers. */
    private volatile @Nullable String nobody;

    private PrimaryFollower(ConnectionPool pool, PrimarySearch found) {
        this.pool = pool;
        this.candidates = found.answers().stream()
                .map(first -> new PrimaryCandidate(first, this::pauseNanos, this::judge))
                .toList();
        RoleFacts facts = found.facts();
        this.current = found.index();
        this.cluster = facts.cluster();
        this.timeline = facts.timeline();
    }

    /** Follows from the server that the start-up check found, once it is started. */
    static PrimaryFollower of(ConnectionPool pool, PrimaryRole role, PrimarySearch found) {
        PrimaryFollower result = new PrimaryFollower(pool, found);
        role.followedBy(result);
        return result;
    }

    void start() {
        candidates.forEach(PrimaryCandidate::start);
    }

    /** Asks all now. Never blocks. */
    void wake() {
        candidates.forEach(PrimaryCandidate::wake);
    }

    private long pauseNanos() {
        return nobody == null ? INTERVAL_NANOS : SEARCH_NANOS;
    }

    /** Whether the server at {@code address} did not answer when it was last asked. */
    boolean isSilent(PgUrl address) {
        for (PrimaryCandidate candidate : candidates) {
            if (candidate.connector().url() == address) {
                return candidate.known().problem() != null;
            }
        }
        return false;
    }

    /** With what is known of the candidates, if none is writable. */
    SQLException explain(SQLException failure) {
        String why = nobody;
        return why == null || why.equals(failure.getMessage())
                ? failure
                : new SQLException(why, failure.getSQLState(), failure);
    }

    private void judge() {
        lock.lock();
        try {
            List<PrimaryChoice.Candidate> known =
                    candidates.stream().map(PrimaryCandidate::known).toList();
            switch (PrimaryChoice.of(known, current, cluster, timeline)) {
                case PrimaryChoice.Follow follow -> follow(follow.index(), known);
                case PrimaryChoice.Stay stay -> nobody = lost(stay.why());
                case PrimaryChoice.Refuse refuse -> refuse(refuse.why());
            }
        } finally {
            lock.unlock();
        }
    }

    private String lost(String why) {
        if (nobody == null) {
            lostNanos = System.nanoTime();
            LOG.log(Level.WARNING, "{0}: {1}", pool, why);
        }
        return why;
    }

    private void refuse(String why) {
        nobody = lost(why);
        if (current != PrimaryChoice.NONE) {
            current = PrimaryChoice.NONE;
            pool.followNobody(why);
        } else {
            pool.stillNobody(why);
        }
    }

    private void follow(int index, List<PrimaryChoice.Candidate> known) {
        PrimaryChoice.Candidate chosen = known.get(index);
        RoleFacts facts = chosen.facts();
        if (facts == null) {
            throw new IllegalStateException(chosen.name() + " was chosen without an answer");
        }
        if (index != current) {
            String before = pool.toString();
            PgConnector target = candidates.get(index).connector();
            timeline = Math.max(timeline, facts.timeline());
            current = index;
            pool.follow(target);
            LOG.log(
                    Level.WARNING,
                    "{0}: {1} on timeline {2} takes the writes now{3}",
                    before,
                    target,
                    facts.timeline(),
                    nobody == null
                            ? ""
                            : ", " + (System.nanoTime() - lostNanos) / 1_000_000 + " ms after the last did");
        } else if (nobody != null) {
            LOG.log(
                    Level.INFO,
                    "{0}: it takes writes again after {1} ms",
                    pool,
                    (System.nanoTime() - lostNanos) / 1_000_000);
        }
        timeline = Math.max(timeline, facts.timeline());
        nobody = null;
        tellRivals(known);
    }

    /** An old primary that does not know yet is fenced off here, but not for others. */
    private void tellRivals(List<PrimaryChoice.Candidate> known) {
        StringBuilder now = new StringBuilder();
        for (PrimaryChoice.Candidate candidate : known) {
            RoleFacts facts = candidate.facts();
            if (facts == null || candidate.problem() != null) {
                continue;
            }
            if (facts.cluster() != cluster) {
                now.append(candidate.name())
                        .append(" belongs to another cluster (system identifier ")
                        .append(Long.toUnsignedString(facts.cluster()))
                        .append(", not ")
                        .append(Long.toUnsignedString(cluster))
                        .append(") and is never followed; ");
            } else if (facts.writable() && facts.timeline() < timeline) {
                now.append(candidate.name())
                        .append(" takes writes, too, but is on timeline ")
                        .append(facts.timeline())
                        .append(", behind ")
                        .append(timeline)
                        .append(": it counts as read-only; end it, or whoever else writes there loses what he wrote; ");
            }
        }
        if (!now.isEmpty() && !rivals.contentEquals(now)) {
            LOG.log(Level.WARNING, "{0}: {1}", pool, now);
        }
        rivals = now.toString();
    }

    /** Ends all questions; returns when the threads have ended, or {@code end} will not wait any longer. */
    void close(ClosingWait end) {
        candidates.forEach(candidate -> candidate.close(end));
    }

    @Override
    public String toString() {
        String why = nobody;
        return why == null ? "now " + pool : why;
    }
}
