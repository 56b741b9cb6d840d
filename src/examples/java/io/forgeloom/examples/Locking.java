package io.forgeloom.examples;

import io.forgeloom.database.Database;
import io.forgeloom.lock.AdvisoryLock;
import io.forgeloom.lock.HeldLock;
import io.forgeloom.lock.LockId;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Work that one process of all does. */
final class Locking {

    private Locking() {}

    static void rebuild(Database db, List<Runnable> steps) {
        // @start region="lock"
        LockId id = LockId.named("rebuild-index");
        Optional<HeldLock> taken = AdvisoryLock.tryAcquire(db.primary(), id);
        if (taken.isEmpty()) {
            System.getLogger("rebuild")
                    .log(System.Logger.Level.INFO, () -> "held by " + AdvisoryLock.holder(db.primary(), id));
            return;
        }
        try (HeldLock lock = taken.get()) {
            for (Runnable step : steps) {
                if (!lock.isHeld(Duration.ofSeconds(2))) {
                    throw new IllegalStateException("another may have begun: " + lock);
                }
                step.run();
            }
        }
        // @end
    }
}
