package io.forgeloom.notify;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Instant;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Mode;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.Signal;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * The subscriber's ring, as small as it can be, with a producer that goes around it while a reader reads. Forbidden: a
 * notification that is neither taken nor counted as missed, one out of its place, one before the gap that it was published
 * behind, a reader that sleeps over an element.
 */
public final class RingStress {

    private static final Gap FIRST = new Gap(1, "first", Instant.EPOCH);

    private RingStress() {}

    /** What one reader was told so far, added up. One thread at a time. */
    static final class Account {
        private final StreamReader reader;
        private int next;
        private long generation;
        private String verdict = "complete";

        Account(StreamReader reader) {
            this.reader = reader;
        }

        /** Takes what is there, at most so many elements. */
        void read(int most) {
            for (int i = 0; i < most; i++) {
                Delivery element = reader.known();
                if (element == null) {
                    element = reader.look();
                }
                if (element == null) {
                    return;
                }
                add(element);
            }
        }

        private void add(Delivery element) {
            switch (element) {
                case Gap gap -> {
                    if (gap.generation() <= generation) {
                        verdict = "a gap twice";
                    }
                    generation = gap.generation();
                }
                case Lagged lag -> next += (int) lag.missed();
                case Notification notification -> {
                    if (notification.backendPid() != next) {
                        verdict = "number " + notification.backendPid() + " in the place of " + next;
                    } else if (Long.parseLong(notification.payload()) != generation) {
                        verdict = "a notification on the wrong side of a gap";
                    }
                    next++;
                }
                case Closed closed -> {}
            }
        }

        String end(int published, long generations) {
            read(Integer.MAX_VALUE);
            if (!verdict.equals("complete")) {
                return verdict;
            }
            if (next != published) {
                return "the account ends at " + next + " of " + published;
            }
            return generation == generations ? "complete" : "the newest gap is lost";
        }
    }

    private static Notification numbered(int number, long generation) {
        return new Notification("c", Long.toString(generation), number);
    }

    /** The ring goes around twice under the reader, and once with a gap. */
    @JCStressTest
    @Outcome(id = "complete", expect = ACCEPTABLE, desc = "Each one was taken or counted, in order.")
    @Outcome(expect = FORBIDDEN, desc = "The reader's account does not add up.")
    @State
    public static class Overrun {
        private final DeliveryRing ring = new DeliveryRing(1);
        private final Account account = new Account((StreamReader) ring.reader(FIRST));

        /** The producer. */
        @Actor
        public void publish() {
            for (int i = 0; i < 4; i++) {
                ring.publish(numbered(i, 1));
            }
            ring.publish(new Gap(2, "again", Instant.EPOCH));
            for (int i = 4; i < 9; i++) {
                ring.publish(numbered(i, 2));
            }
        }

        /** A reader that is about as fast. */
        @Actor
        public void read() {
            account.read(10);
        }

        /** Reads what is left. */
        @Arbiter
        public void add(L_Result result) {
            result.r1 = account.end(9, 2);
        }
    }

    /** A reader joins while the producer goes around. */
    @JCStressTest
    @Outcome(id = "complete", expect = ACCEPTABLE, desc = "From its first number on, each one was taken or counted.")
    @Outcome(expect = FORBIDDEN, desc = "The reader's account does not add up.")
    @State
    public static class Join {
        private final DeliveryRing ring = new DeliveryRing(2);
        private StreamReader joined;

        /** The producer. */
        @Actor
        public void publish() {
            for (int i = 0; i < 9; i++) {
                ring.publish(numbered(i, 1));
            }
        }

        /** Somebody subscribes. */
        @Actor
        public void join() {
            joined = (StreamReader) ring.reader(FIRST);
        }

        /** What a new reader is told must end with the last number, without a hole. */
        @Arbiter
        public void add(L_Result result) {
            String verdict = joined.look() instanceof Gap ? "complete" : "its first element was not the gap";
            int last = -1;
            for (Delivery element = joined.look(); element != null; element = joined.look()) {
                if (element instanceof Notification notification) {
                    if (last >= 0 && notification.backendPid() != last + 1) {
                        verdict = "a hole";
                    }
                    last = notification.backendPid();
                }
            }
            result.r1 = last == -1 || last == 8 ? verdict : "it ends at " + last;
        }
    }

    /** A reader that finds nothing parks; the element comes meanwhile. */
    @JCStressTest(Mode.Termination)
    @Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "The reader was woken, or did not park.")
    @Outcome(id = "STALE", expect = FORBIDDEN, desc = "The reader sleeps over an element.")
    @State
    public static class Wake {
        private final DeliveryRing ring = new DeliveryRing(4);
        private final RingReader reader = ring.reader(FIRST);

        /** Takes the first element, which is there, and the second, which is not yet. */
        @Actor
        public void take() throws InterruptedException {
            reader.take();
            reader.take();
        }

        /** The producer. */
        @Signal
        public void publish() {
            ring.publish(numbered(0, 1));
            ring.flush();
        }
    }

    /** The element comes at the moment at which the reader parks. */
    @JCStressTest
    @Outcome(id = "taken", expect = ACCEPTABLE, desc = "The reader was woken, or did not park.")
    @Outcome(expect = FORBIDDEN, desc = "The reader slept over an element.")
    @State
    public static class Park {
        /** 5 s in ns: the producer comes sooner, however busy the machine is. */
        private static final long PATIENCE = 5_000_000_000L;

        private final DeliveryRing ring = new DeliveryRing(4);
        private final RingReader reader = ring.reader(FIRST);

        /** Waits for the second element. */
        @Actor
        public void poll(L_Result result) {
            try {
                reader.poll(0);
                long begun = System.nanoTime();
                Delivery element = reader.poll(PATIENCE);
                // At the end of its time it looks once more, and finds what it slept over.
                result.r1 = element == null || System.nanoTime() - begun >= PATIENCE ? "slept" : "taken";
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        /** The producer. */
        @Actor
        public void publish() {
            ring.publish(numbered(0, 1));
            ring.flush();
        }
    }

    /** The same where only the newest is kept. */
    @JCStressTest(Mode.Termination)
    @Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "The reader was woken, or did not park.")
    @Outcome(id = "STALE", expect = FORBIDDEN, desc = "The reader sleeps over an element.")
    @State
    public static class WakeOfACell {
        private final SignalCell cell = new SignalCell(FIRST);

        /** Takes the first element, which is there, and the second, which is not yet. */
        @Actor
        public void take() throws InterruptedException {
            cell.take();
            cell.take();
        }

        /** The producer. */
        @Signal
        public void publish() {
            cell.publish(numbered(0, 1));
            cell.flush();
        }
    }

    /** Somebody else closes the subscription of a reader that waits. */
    @JCStressTest(Mode.Termination)
    @Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "The close freed the reader.")
    @Outcome(id = "STALE", expect = FORBIDDEN, desc = "The reader sleeps over the close.")
    @State
    public static class CloseOfAReader {
        private final RingReader reader = new DeliveryRing(4).reader(FIRST);

        /** Waits for what never comes. */
        @Actor
        public void take() throws InterruptedException {
            while (!(reader.take() instanceof Closed)) {
                Thread.onSpinWait();
            }
        }

        /** From another thread. */
        @Signal
        public void close() {
            reader.close();
        }
    }
}
