package io.forgeloom.database;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Asks a server, and says so when its answer takes longer than its answers do as a rule. One thread at a time.
 */
final class ProbePatience {

    // A server that hangs is told from one that is slow by the limit alone. But those who may go elsewhere need not
    // wait
    // for that: late is what takes four times as long as the slowest answer of late did, with or without a connect, and
    // half of the limit at the latest.

    private static final long LEAST_PATIENCE = TimeUnit.MILLISECONDS.toNanos(200);
    private static final int TIMES = 4;

    private final String name;
    private final Duration limit;

    /** The slowest answer so far, which each quicker one makes a quarter less; before the first, half of the limit's. */
    private long usualNanos;

    ProbePatience(String name, Duration limit) {
        this.name = name;
        this.limit = limit;
        this.usualNanos = limit.toNanos() / 2 / TIMES;
    }

    /**
     * The answer.
     *
     * @param late called by this thread, at most once, while the answer is being waited for
     * @throws SQLException if there was none within the limit
     */
    <T> T ask(ControlSession control, ControlSession.Question<T> question, Runnable late)
            throws SQLException, InterruptedException {
        long begin = System.nanoTime();
        CountDownLatch over = new CountDownLatch(1);
        // One second beyond the limit of the answer, which is what ends it.
        try (TaskScope scope = TaskScope.open("forgeloom-probe-" + name, Deadline.after(limit.plusSeconds(1)))) {
            TaskScope.Subtask<T> answer = scope.fork("forgeloom-ask-" + name, () -> {
                try {
                    return control.ask(question, Deadline.after(limit));
                } finally {
                    over.countDown();
                }
            });
            if (!over.await(
                    Math.clamp(TIMES * usualNanos, LEAST_PATIENCE, limit.toNanos() / 2), TimeUnit.NANOSECONDS)) {
                late.run();
            }
            scope.join();
            usualNanos = Math.max(System.nanoTime() - begin, usualNanos - usualNanos / 4);
            return answer.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException unexpected) {
                throw unexpected;
            }
            throw e.getCause() instanceof SQLException sql ? sql : new SQLException(e.getCause());
        } catch (TimeoutException e) {
            throw new SQLTimeoutException("no answer within " + limit.plusSeconds(1), "08001", e);
        }
    }
}
