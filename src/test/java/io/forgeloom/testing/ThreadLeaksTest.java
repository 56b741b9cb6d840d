package io.forgeloom.testing;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class ThreadLeaksTest {

    @Test
    void leftThreadsAreNamedWithTheirStackVirtualOrNot() throws InterruptedException {
        CountDownLatch release = new CountDownLatch(1);
        Thread virtual = Thread.ofVirtual().name("forgeloom-leak-virtual").start(() -> park(release));
        Thread platform = Thread.ofPlatform().name("forgeloom-leak-platform").start(() -> park(release));
        AssertionError error = assertThrows(AssertionError.class, () -> ThreadLeaks.assertNone(Duration.ofMillis(100)));
        assertTrue(error.getMessage().contains("\"forgeloom-leak-virtual\""), error.getMessage());
        assertTrue(error.getMessage().contains("\"forgeloom-leak-platform\""), error.getMessage());
        assertTrue(error.getMessage().contains("ThreadLeaksTest.park"), error.getMessage());
        release.countDown();
        virtual.join();
        platform.join();
        ThreadLeaks.assertNone(Duration.ofSeconds(5));
    }

    private static void park(CountDownLatch until) {
        try {
            until.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
