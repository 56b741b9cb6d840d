package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.lock.AdvisoryLock;
import io.forgeloom.lock.HeldLock;
import io.forgeloom.lock.LockId;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A lock on a server that the pool has left keeps nobody out on the one that it follows now. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class FencedLockTest {

    @Test
    void lockIsNotHeldOnAServerThatIsThePrimaryNoMore(TestDatabase server) {
        try (Database db =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(2).build())) {
            HeldLock lock = AdvisoryLock.tryAcquire(db.primary(), LockId.of(1)).orElseThrow();
            assertTrue(lock.isHeld(Duration.ofSeconds(5)));
            db.primary().followNobody("the primary is being looked for");
            assertFalse(lock.isHeld(Duration.ofSeconds(5)));
            assertTrue(lock.isLost());
            assertFalse(lock.release());
        }
    }
}
