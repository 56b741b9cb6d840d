package io.forgeloom.cli;

import io.forgeloom.changelog.Batch;
import io.forgeloom.changelog.ChangeConsumer;
import io.forgeloom.changelog.ChangeElement;
import io.forgeloom.changelog.ChangeFollower;
import io.forgeloom.changelog.ChangeLog;
import io.forgeloom.changelog.ChangeLogStats;
import io.forgeloom.changelog.ChangePosition;
import io.forgeloom.changelog.ChangeRow;
import io.forgeloom.changelog.ConsumerOptions;
import io.forgeloom.changelog.ConsumerOptions.WhenBehind;
import io.forgeloom.changelog.ConsumerTakenOverException;
import io.forgeloom.changelog.FollowOptions;
import io.forgeloom.changelog.Resync;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.ForgeException;
import io.forgeloom.internal.concurrent.Backoff;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** What {@code forge changes follow} does; an interrupt ends it, with all closed. Run once, read after it was joined. */
final class FollowTask implements Runnable {

    /** Where to begin. */
    sealed interface From {
        /** Before all that the log has. */
        record Start() implements From {}

        /** Behind all that is committed. */
        record Now() implements From {}

        /** Behind a position. */
        record At(ChangePosition position) implements From {}
    }

    /**
     * What is to be followed.
     *
     * @param from null if nothing was said
     * @param tables as the user spells them; none = all
     * @param consumer null to commit nothing
     * @param whenBehind null if nothing was said
     * @param limit how many rows
     */
    record Wanted(
            @Nullable From from,
            List<String> tables,
            @Nullable String consumer,
            @Nullable WhenBehind whenBehind,
            long limit) {}

    /** While nothing comes a consumer commits this often: what has no rows for it was passed, too. */
    private static final Duration IDLE = Duration.ofSeconds(10);

    /** So many characters are written at a time. */
    private static final int CHUNK = 1 << 16;

    private final DatabaseConfig config;
    private final @Nullable Identifier schema;
    private final Wanted wanted;
    private final ChangeLine line;
    private final PrintWriter out;
    private final PrintWriter err;
    private final Set<String> tables = new HashSet<>();
    private final StringBuilder chunk = new StringBuilder();
    private final Backoff backoff = new Backoff(Duration.ofMillis(100), Duration.ofSeconds(2));
    private long left;

    /** Since the last success something failed, which was said. */
    private boolean troubled;

    private @Nullable RuntimeException failure;

    FollowTask(
            DatabaseConfig config,
            @Nullable Identifier schema,
            Wanted wanted,
            ChangeLine line,
            PrintWriter out,
            PrintWriter err) {
        this.config = config;
        this.schema = schema;
        this.wanted = wanted;
        this.line = line;
        this.out = out;
        this.err = err;
        this.left = wanted.limit;
    }

    /** Throws what it failed with, if it did. */
    void requireSuccess() {
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public void run() {
        try (OpenLog open = OpenLog.open(config, schema)) {
            follow(open);
        } catch (CancellationException e) {
            // Stopped while it connected.
            failure = null;
        } catch (RuntimeException e) {
            failure = e;
        }
    }

    /** The interrupt ends in here, so that what follows, which closes all, is not hurried by it. */
    private void follow(OpenLog open) {
        try {
            wanted.tables.forEach(table -> tables.add(open.name(table)));
            warnOfUntracked(open.log());
            open.bus().start();
            ChangeConsumer consumer = consumer(open.log());
            ChangePosition position = consumer == null ? position(open.log(), wanted.from) : consumer.position();
            Progress progress = new Progress(open.database(), open.log(), consumer, position);
            try {
                boolean more = true;
                while (more) {
                    more = goOn(progress);
                }
            } finally {
                progress.follower.close();
            }
        } catch (InterruptedException e) {
            // The usual end: SIGINT or SIGTERM.
            return;
        } catch (RuntimeException e) {
            // So is this, where the signal came while a statement was under way.
            if (!Thread.interrupted()) {
                throw e;
            }
        }
    }

    /** A newcomer would wait for long. */
    private void warnOfUntracked(ChangeLog log) {
        Set<String> tracked = new HashSet<>();
        log.tracked().forEach(table -> tracked.add(table.table()));
        if (tables.isEmpty() && tracked.isEmpty()) {
            err.println("forge: no table is tracked yet; forge changes track TABLE does that");
        }
        tables.stream()
                .filter(table -> !tracked.contains(table))
                .sorted()
                .forEach(table -> err.println("forge: " + DeliveryLine.visible(table) + " is not tracked yet"));
    }

    private static ChangePosition position(ChangeLog log, @Nullable From from) {
        return switch (from) {
            case null -> log.now();
            case From.Now now -> log.now();
            case From.Start start -> log.start();
            case From.At at -> at.position();
        };
    }

    private @Nullable ChangeConsumer consumer(ChangeLog log) {
        String name = wanted.consumer;
        if (name == null) {
            return null;
        }
        Optional<ChangeLogStats.Consumer> known = log.stats().consumers().stream()
                .filter(one -> one.name().equals(name))
                .findAny();
        if (wanted.from != null && known.isPresent()) {
            err.println("forge: consumer " + DeliveryLine.visible(name)
                    + " goes on where it committed; --from is for a new one");
        }
        WhenBehind whenBehind = wanted.whenBehind;
        if (whenBehind == null) {
            whenBehind = known.isEmpty() || known.get().holds() ? WhenBehind.HOLD : WhenBehind.EVICT;
        }
        return log.consumer(name, new ConsumerOptions(whenBehind, position(log, wanted.from)));
    }

    /** How far it is. */
    private static final class Progress {

        final Database database;
        final ChangeLog log;
        final @Nullable ChangeConsumer consumer;
        ChangeFollower follower;

        /** All before it was written. */
        ChangePosition written;

        ChangePosition committed;

        Progress(Database database, ChangeLog log, @Nullable ChangeConsumer consumer, ChangePosition position) {
            this.database = database;
            this.log = log;
            this.consumer = consumer;
            this.follower = log.follow(position, FollowOptions.DEFAULTS);
            this.written = position;
            this.committed = position;
        }

        void commit() {
            ChangeConsumer consumer = this.consumer;
            if (consumer != null && !committed.equals(written)) {
                database.inTransaction(transaction -> {
                    consumer.commit(transaction.connection(), written);
                    return written;
                });
                committed = written;
            }
        }

        void restartAt(ChangePosition position) {
            follower.close();
            follower = log.follow(position, FollowOptions.DEFAULTS);
            written = position;
        }
    }

    /**
     * Writes the next rows and commits them.
     *
     * @return whether there is more to do
     */
    private boolean goOn(Progress progress) throws InterruptedException {
        boolean more = left > 0;
        try {
            if (more) {
                more = write(progress);
            }
            progress.commit();
            troubled = false;
            return more && left > 0;
        } catch (ForgeException e) {
            if (Thread.currentThread().isInterrupted() || !mayPass(e)) {
                throw e;
            }
            if (!troubled) {
                troubled = true;
                backoff.reset();
                err.println("forge: tries again: " + DeliveryLine.visible(String.valueOf(e.getMessage())));
            }
            TimeUnit.NANOSECONDS.sleep(backoff.nextNanos());
            // What was written is known, and so is whether it was committed.
            return true;
        }
    }

    /** A server that is away may come back; what it refuses it will refuse again. */
    private static boolean mayPass(ForgeException failure) {
        if (failure instanceof DatabaseException refused) {
            String state = refused.sqlState();
            return state == null || !state.startsWith("42");
        }
        return !(failure instanceof ConsumerTakenOverException) && !(failure instanceof ConfigurationException);
    }

    /** @return whether anybody reads */
    private boolean write(Progress progress) throws InterruptedException {
        Optional<ChangeElement> next = progress.follower.poll(IDLE);
        if (next.isEmpty()) {
            progress.written = progress.follower.position();
            return true;
        }
        switch (next.get()) {
            case Batch batch -> {
                return write(batch, progress);
            }
            case Resync resync -> {
                // Before the line, so that whoever reads the tables upon it misses nothing.
                ChangePosition now = progress.log.now();
                chunk.append(line.of(resync, now)).append(System.lineSeparator());
                if (flush()) {
                    progress.restartAt(now);
                    return true;
                }
                return false;
            }
        }
    }

    private boolean write(Batch batch, Progress progress) {
        ChangePosition reached = batch.position();
        for (ChangeRow row : batch.rows()) {
            if (!tables.isEmpty() && !tables.contains(row.table())) {
                continue;
            }
            chunk.append(line.of(row)).append(System.lineSeparator());
            if (chunk.length() >= CHUNK && !flush()) {
                return false;
            }
            if (--left == 0) {
                reached = row.position();
                break;
            }
        }
        if (!flush()) {
            return false;
        }
        progress.written = reached;
        return true;
    }

    /** @return false once nobody reads any more */
    private boolean flush() {
        if (chunk.isEmpty()) {
            return true;
        }
        out.append(chunk);
        chunk.setLength(0);
        return !out.checkError();
    }
}
