package io.forgeloom.testing.chaos;

import io.forgeloom.error.ForgeException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** The users of a node: threads that do one thing again and again until they are told to stop. Safe for use by many threads. */
final class Load {

    /** What is done once. */
    interface Round {
        void run() throws Exception;
    }

    private final Teller teller;
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean over;

    Load(Teller teller) {
        this.teller = teller;
    }

    /** Does it every {@code millis} on the average. */
    void every(long millis, String name, Round round) {
        threads.add(Thread.ofVirtual().name("chaos-" + name).start(() -> {
            while (!over) {
                once(name, round);
                sleep(ThreadLocalRandom.current().nextLong(2 * millis) + 1);
            }
        }));
    }

    /** What the library refuses is part of the run, and everything else a defect of it or of ours. */
    private void once(String name, Round round) {
        try {
            round.run();
        } catch (ForgeException e) {
            sleep(50);
        } catch (Exception | Error e) {
            StackTraceElement[] stack = e.getStackTrace();
            teller.tell(
                    "strange",
                    "user",
                    name,
                    "what",
                    Line.sentence(e + " at " + (stack.length == 0 ? "" : stack[0].toString())));
            sleep(200);
        }
    }

    private static void sleep(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Lets each finish what it is at. */
    void stop() throws InterruptedException {
        over = true;
        for (Thread thread : threads) {
            if (!thread.join(java.time.Duration.ofSeconds(60))) {
                teller.tell("strange", "user", thread.getName(), "what", "has_not_ended_after_60_s");
            }
        }
    }
}
