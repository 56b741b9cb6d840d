package io.forgeloom.database;

import io.forgeloom.internal.pg.PgSession;
import java.sql.SQLException;
import java.util.List;

/**
 * How a cluster's log is cut into pages and segments. Fixed when the cluster was created, and so the same on every server
 * of it. Immutable, safe for use by many threads.
 *
 * @param pageSize bytes of a page
 * @param segmentSize bytes of a file
 */
record WalPages(long pageSize, long segmentSize) {

    // Each page begins with a header. A record that ends with its page is replayed up to the page's end; the insert
    // position is then behind the header of the next page, which belongs to no record yet. A replica of an idle primary
    // never gets there, so such a position has to be taken back to the start of its page.

    /** The header of a page: {@code SizeOfXLogShortPHD}, the same on every platform that aligns to 8 bytes. */
    private static final long HEADER = 0x18;

    /** The header of a segment's first page: {@code SizeOfXLogLongPHD}. */
    private static final long FIRST_HEADER = 0x28;

    private static final String SIZES = """
            SELECT setting FROM pg_catalog.pg_settings
            WHERE name IN ('wal_block_size', 'wal_segment_size') ORDER BY name
            """;

    /** Asks the server. */
    static WalPages read(PgSession session) throws SQLException {
        List<String> sizes = session.send(SIZES);
        return new WalPages(Long.parseLong(sizes.get(0)), Long.parseLong(sizes.get(1)));
    }

    /** Where the last record before this insert position ends, as far as a replica's replay position is concerned. */
    long replayable(long insertLsn) {
        long header = insertLsn % segmentSize < pageSize ? FIRST_HEADER : HEADER;
        return insertLsn % pageSize == header ? insertLsn - header : insertLsn;
    }
}
