package io.forgeloom.changelog;

import java.util.Optional;

/**
 * Reads what the log has, batch by batch, and ends where it ends; {@link ChangeFollower} waits for more. At most two batches
 * are in memory, and no connection is held between two calls. One thread at a time; {@link #close()} is for any thread.
 */
public final class ChangeDrain implements AutoCloseable {

    private final LogReader reader;
    private volatile boolean closed;

    ChangeDrain(LogReader reader) {
        this.reader = reader;
    }

    /**
     * The next batch, or a {@link Resync}, which every later call gives again; empty if all that is committed was read. Later
     * there may be more.
     *
     * @throws io.forgeloom.error.DatabaseException if the log could not be read; the next call goes on where this one began
     * @throws io.forgeloom.database.AcquireException if there is no connection; as above
     * @throws IllegalStateException after {@link #close()}
     */
    public Optional<ChangeElement> next() {
        if (closed) {
            throw new IllegalStateException("the drain is closed");
        }
        return Optional.ofNullable(reader.next());
    }

    /** Behind the last batch, or further where nothing was found. */
    public ChangePosition position() {
        return reader.position();
    }

    @Override
    public void close() {
        closed = true;
    }
}
