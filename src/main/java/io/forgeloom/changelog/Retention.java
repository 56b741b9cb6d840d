package io.forgeloom.changelog;

import io.forgeloom.database.AcquireException;
import io.forgeloom.error.DatabaseException;
import java.lang.System.Logger.Level;
import java.time.Duration;

/** Compacts the log again and again, and says so when something is in the way of it for long. One thread at a time. */
final class Retention {

    private static final System.Logger LOG = System.getLogger("io.forgeloom.changelog");

    /** So many times in a row are no accident; said again after ten times as many. */
    private static final int IN_A_ROW = 3;

    private final ChangeLog log;
    private final Duration retention;
    private int refused;

    Retention(ChangeLog log, Duration retention) {
        this.log = log;
        this.retention = retention;
    }

    void run() throws InterruptedException {
        while (true) {
            round();
            Thread.sleep(ChangeLog.grace(retention));
        }
    }

    /** Compacts once. What fails is tried again next time, like what is refused. */
    void round() throws InterruptedException {
        String reason;
        try {
            reason = String.join("; ", log.compact(retention).refused());
        } catch (DatabaseException | AcquireException e) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            reason = String.valueOf(e.getMessage());
        }
        refused = reason.isEmpty() ? 0 : refused + 1;
        if (refused == IN_A_ROW || (refused > 0 && refused % (10 * IN_A_ROW) == 0)) {
            LOG.log(
                    Level.WARNING,
                    "the change log could not be trimmed to {0} for {1} times in a row: {2}",
                    retention,
                    refused,
                    reason);
        }
    }
}
