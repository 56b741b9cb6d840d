package io.forgeloom.testing.demo;

import io.forgeloom.database.Database;
import io.forgeloom.database.ReplicaStatus;
import io.forgeloom.testing.demo.Events.Event;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Takes a {@link Snapshot} many times a second and gives it to the view, on a thread of its own, from {@link #start} to
 * {@link #close}; the view may be used by nobody else meanwhile. One thread at a time.
 */
final class Display implements AutoCloseable {

    private static final long SAMPLE_MILLIS = 50;
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
    private static final int HISTORY = 40;

    private final View view;
    private final Events events;
    private final Outage outage;
    private final Tally tally;
    private final ReadTally reads;
    private final Database database;
    private final @Nullable BusLoad bus;
    private final @Nullable Tour tour;
    private final long totalNanos;
    private final CountDownLatch closing = new CountDownLatch(1);

    // A platform thread: it is to be on time even when the carriers have hundreds of clients to run.
    private final Thread thread =
            Thread.ofPlatform().name("forgeloom-demo-display").unstarted(this::run);

    // All below confined to that thread.
    private final ArrayDeque<Sample> lastSecond = new ArrayDeque<>();
    private final List<Long> history = new ArrayList<>();
    private long inHistory;
    private @Nullable Event latest;

    private record Sample(long elapsedNanos, long committed, long reads) {}

    Display(
            View view,
            Events events,
            Outage outage,
            Tally tally,
            ReadTally reads,
            Database database,
            @Nullable BusLoad bus,
            @Nullable Tour tour,
            long totalNanos) {
        this.view = view;
        this.events = events;
        this.outage = outage;
        this.tally = tally;
        this.reads = reads;
        this.database = database;
        this.bus = bus;
        this.tour = tour;
        this.totalNanos = totalNanos;
    }

    Display start() {
        thread.start();
        return this;
    }

    private void run() {
        try {
            long next = 0;
            boolean last;
            do {
                last = closing.await(SAMPLE_MILLIS, TimeUnit.MILLISECONDS);
                for (Event event = events.poll(); event != null; event = events.poll()) {
                    view.event(event);
                    latest = event;
                }
                Snapshot now = snapshot();
                if (last || now.elapsedNanos() >= next) {
                    view.show(now);
                    next = now.elapsedNanos() + TimeUnit.MILLISECONDS.toNanos(view.intervalMillis());
                }
            } while (!last);
        } catch (InterruptedException e) {
            // Nobody interrupts it; should somebody, the display ends and the demo goes on.
            Thread.currentThread().interrupt();
        }
    }

    private Snapshot snapshot() {
        long elapsed = outage.elapsedNanos();
        long committed = tally.committed.sum();
        lastSecond.addLast(new Sample(elapsed, committed, reads.reads()));
        while (elapsed - lastSecond.getFirst().elapsedNanos() > SECOND) {
            lastSecond.removeFirst();
        }
        Sample first = lastSecond.getFirst();
        long span = Math.max(SECOND / 4, elapsed - first.elapsedNanos());
        long perSecond = (long) ((committed - first.committed()) * (double) SECOND / span);
        long readsPerSecond = (long) ((reads.reads() - first.reads()) * (double) SECOND / span);
        // Parts of at least a quarter of a second: a shorter one holds too few samples.
        long part = Math.max(SECOND / 4, totalNanos / HISTORY);
        while (history.size() < elapsed / part && history.size() < HISTORY) {
            history.add(committed - inHistory);
            inHistory = committed;
        }
        return new Snapshot(
                elapsed,
                totalNanos,
                committed,
                perSecond,
                history,
                tally.errors.sum(),
                tally.unknown.sum(),
                tally.declined.sum(),
                tally.runAgain.sum(),
                database.primary().stats(),
                outage.state(),
                outage.stateNanos(),
                reads(readsPerSecond),
                bus == null ? BusFindings.NONE : bus.findings(false),
                bus != null && bus.isConnected(),
                tour == null ? LeaderFindings.NONE : tour.leaders().findings(),
                tour == null ? ChangeFindings.NONE : tour.changes().findings(),
                tour == null ? RuntimeFindings.NONE : tour.runtime().findings(),
                latest);
    }

    private Snapshot.Reads reads(long perSecond) {
        List<Snapshot.Replica> replicas = new ArrayList<>();
        for (ReplicaStatus status : database.replicas()) {
            replicas.add(new Snapshot.Replica(status, reads.reads(replicas.size() + 1)));
        }
        return new Snapshot.Reads(
                reads.reads(), perSecond, reads.reads(0), reads.stale.sum(), reads.failed(), List.copyOf(replicas));
    }

    /** Shows the last state once more and ends the thread. */
    @Override
    public void close() {
        closing.countDown();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
