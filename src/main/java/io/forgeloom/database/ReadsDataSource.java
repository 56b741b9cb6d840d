package io.forgeloom.database;

import java.sql.Connection;
import java.time.Duration;

/** Connections to whichever server is to be read from next. Safe for use by many threads. */
final class ReadsDataSource extends PooledDataSource {

    private final Reads reads;
    private final Duration acquireTimeout;

    ReadsDataSource(Reads reads, Duration acquireTimeout) {
        this.reads = reads;
        this.acquireTimeout = acquireTimeout;
    }

    @Override
    Connection acquire() {
        return reads.acquire();
    }

    @Override
    Duration acquireTimeout() {
        return acquireTimeout;
    }

    @Override
    public String toString() {
        return "Reads[" + reads + "]";
    }
}
