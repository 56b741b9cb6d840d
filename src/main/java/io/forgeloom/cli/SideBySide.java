package io.forgeloom.cli;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;

/** Looks at all servers at the same time, under one deadline. */
final class SideBySide {

    /** What is to be learned of one server. One thread at a time. */
    interface Look {
        /** {@code primary}, {@code replica-1}, … */
        String role();

        /** Ends soon after the deadline if its thread is interrupted then; keeps what it found. */
        void run(Deadline deadline);
    }

    private SideBySide() {}

    /**
     * Returns when all servers have been looked at or the time is up, whatever a server does; no session stays open. (A
     * name look-up that hangs cannot be cut short.)
     */
    static void run(String command, List<? extends Look> looks, Deadline deadline) throws InterruptedException {
        try (TaskScope scope = TaskScope.open("forgeloom-" + command, deadline)) {
            for (Look look : looks) {
                scope.fork("forgeloom-" + command + "-" + look.role(), () -> {
                    look.run(deadline);
                    return look;
                });
            }
            scope.join();
        } catch (TimeoutException e) {
            // The scope has interrupted whoever was not done and has waited for it; the look says what it waited for.
            return;
        } catch (ExecutionException e) {
            throw new IllegalStateException("a look failed in a way that no server can cause", e.getCause());
        }
    }
}
