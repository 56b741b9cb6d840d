package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.Await;
import java.time.Instant;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The kind of subscription that is a wake-up. */
@Timeout(30)
class SignalCellTest {

    private static final Gap FIRST = new Gap(1, "test", Instant.EPOCH);

    @Test
    void newestGapComesBeforeTheNewestNotificationAndNothingElse() throws InterruptedException {
        SignalCell cell = new SignalCell(FIRST);
        for (int i = 0; i < 1_000; i++) {
            cell.publish(new Notification("c", "", i));
        }
        Gap newer = new Gap(2, "test", Instant.EPOCH);
        cell.publish(newer);
        cell.flush();
        assertSame(newer, cell.take());
        assertEquals(new Notification("c", "", 999), cell.take());
        assertNull(cell.poll(0));
        assertEquals(1, cell.delivered());
        assertEquals(0, cell.lagged());
    }

    @Test
    void endComesAfterWhatIsKeptAndForEver() throws InterruptedException {
        SignalCell cell = new SignalCell(FIRST);
        Notification last = new Notification("c", "", 1);
        cell.publish(last);
        Closed end = new Closed("the bus was closed");
        cell.end(end);
        assertSame(FIRST, cell.take());
        assertSame(last, cell.take());
        assertSame(end, cell.take());
        assertSame(end, cell.poll(0));
    }

    @Test
    void endFreesAReaderThatWaits() throws Exception {
        SignalCell cell = new SignalCell(FIRST);
        assertSame(FIRST, cell.take());
        FutureTask<Delivery> next = new FutureTask<>(cell::take);
        Thread reader = Thread.ofVirtual().name("reader").start(next);
        Await.until("the reader waits", () -> reader.getState() == Thread.State.WAITING);
        Closed end = new Closed("the bus was closed");
        cell.end(end);
        assertSame(end, next.get(10, TimeUnit.SECONDS));
    }

    @Test
    void closeIsAllThatIsTakenAfterwards() throws InterruptedException {
        SignalCell cell = new SignalCell(FIRST);
        cell.close();
        assertInstanceOf(Closed.class, cell.take());
    }

    @Test
    void lastNotificationIsAlwaysTaken() throws InterruptedException {
        SignalCell cell = new SignalCell(FIRST);
        AtomicInteger newest = new AtomicInteger(-1);
        int last = 200_000;
        Thread reader = Thread.ofVirtual().name("reader").start(() -> {
            try {
                while (newest.get() < last) {
                    if (cell.take() instanceof Notification notification) {
                        // Never an older one after a newer one.
                        int before = newest.getAndSet(notification.backendPid());
                        assertTrue(before < notification.backendPid(), () -> before + " before " + notification);
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        for (int i = 0; i <= last; i++) {
            cell.publish(new Notification("c", "", i));
            if (i % 16 == 0 || i == last) {
                cell.flush();
            }
        }
        reader.join();
        assertEquals(last, newest.get());
        assertTrue(cell.delivered() <= last + 1, () -> cell.delivered() + " delivered");
    }
}
