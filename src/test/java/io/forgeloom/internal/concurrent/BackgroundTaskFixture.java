package io.forgeloom.internal.concurrent;

import static io.forgeloom.internal.concurrent.Signals.awaitTrue;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.forgeloom.internal.concurrent.Lifecycle.State;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** What the tests of {@link BackgroundTask} share: the log, the threads, and signals. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class BackgroundTaskFixture {
    final CountDownLatch never = new CountDownLatch(1);
    final CountDownLatch running = new CountDownLatch(1);

    private final Logger logger = Logger.getLogger("io.forgeloom.concurrent");
    final BlockingQueue<LogRecord> logged = new LinkedBlockingQueue<>();
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            logged.add(entry);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    private final Queue<Thread> threads = new ConcurrentLinkedQueue<>();

    @BeforeEach
    void captureTheLog() {
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
    }

    @AfterEach
    void releaseTheLog() {
        logger.removeHandler(handler);
        logger.setUseParentHandlers(true);
    }

    @AfterEach
    void noThreadIsAlive() {
        for (Thread thread : threads) {
            assertFalse(thread.isAlive(), () -> thread + " is alive after the test");
        }
    }

    ThreadFactory recordingThreads() {
        return task -> {
            Thread thread = Thread.ofVirtual().unstarted(task);
            threads.add(thread);
            return thread;
        };
    }

    BackgroundTask task(BackgroundTask.Body body) {
        return new BackgroundTask("forgeloom-test", recordingThreads(), body);
    }

    /** Until the body of the last run has ended; the only way to see that from outside is to look. */
    static void awaitEnd(BackgroundTask task) {
        awaitTrue(() -> task.state() == State.STOPPED || task.state() == State.FAILED);
    }

    /** A body that does not listen. */
    static void awaitThroughInterrupt(CountDownLatch latch) {
        while (latch.getCount() > 0) {
            LockSupport.parkNanos(100_000);
            Thread.interrupted();
        }
    }
}
