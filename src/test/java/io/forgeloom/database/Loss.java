package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.DatabaseException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A read whose first call loses its connection, in a way of the test's choice, and then asks for the server's port. To be
 * run once.
 *
 * @param calls how often the function was called
 * @param pools on a connection of which pool, each time
 */
record Loss(AtomicInteger calls, List<String> pools) {

    Loss() {
        this(new AtomicInteger(), new ArrayList<>());
    }

    int run(Database db, ReadOptions options, ConnectionFunction<Object, RuntimeException> losing) {
        return db.read(options, c -> {
            pools.add(((ConnectionHandle) c).pool().name());
            if (calls.incrementAndGet() == 1) {
                losing.apply(c);
            }
            return ReadFailoverTest.port(c);
        });
    }

    /** Runs it, and expects an error that names the server, after one call. */
    DatabaseException fails(Database db, ReadOptions options, ConnectionFunction<Object, RuntimeException> losing) {
        DatabaseException e = assertThrows(DatabaseException.class, () -> run(db, options, losing));
        assertEquals(1, calls.get());
        String message = String.valueOf(e.getMessage());
        assertTrue(message.startsWith(pools.get(0) + " ") && message.contains("127.0.0.1:"), message);
        return e;
    }
}
