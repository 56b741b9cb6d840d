package io.forgeloom.internal.concurrent;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * The scope of the final API, with two subtasks whose ends meet the owner's join. Forbidden: a failure that nobody is told, a
 * success that is none, a join that waits for subtasks that have ended.
 */
public final class ScopeStress {

    private static final Duration LIMIT = Duration.ofSeconds(2);

    private ScopeStress() {}

    /** A scope whose subtasks run where the test says, not in threads of their own. */
    static final class Ends {
        private final List<Runnable> bodies = new ArrayList<>();
        private final PlainScope scope;

        Ends(Duration limit) {
            scope = new PlainScope(Deadline.after(limit), (name, body) -> new Thread(body, name) {
                @Override
                public void start() {
                    bodies.add(body);
                }
            });
        }

        Ends succeeding() {
            scope.fork("succeeds", () -> "");
            return this;
        }

        Ends failing(String message) {
            scope.fork("fails", () -> {
                throw new IllegalStateException(message);
            });
            return this;
        }

        /** The subtask with this number begins and ends. */
        void run(int number) {
            bodies.get(number).run();
        }

        /** What the owner is told. */
        String join() {
            try {
                scope.join();
                return "success";
            } catch (ExecutionException e) {
                return String.valueOf(e.getCause().getMessage());
            } catch (TimeoutException e) {
                return "too late";
            } catch (InterruptedException e) {
                return "interrupted";
            }
        }
    }

    /** The owner joins while one after the other succeeds. */
    @JCStressTest
    @Outcome(id = "success", expect = ACCEPTABLE, desc = "The join ended with the last of them.")
    @Outcome(expect = FORBIDDEN, desc = "The join waited for nobody, or was told of a failure.")
    @State
    public static class JoinMeetsTheLast {
        private final Ends ends = new Ends(LIMIT).succeeding().succeeding();

        /** The owner. */
        @Actor
        public void join(L_Result result) {
            result.r1 = ends.join();
        }

        /** Both subtasks. */
        @Actor
        public void subtasks() {
            ends.run(0);
            ends.run(1);
        }
    }

    /** The owner joins while one succeeds and the next fails. */
    @JCStressTest
    @Outcome(id = "broken", expect = ACCEPTABLE, desc = "The join told of it.")
    @Outcome(expect = FORBIDDEN, desc = "The failure was lost.")
    @State
    public static class JoinMeetsAFailure {
        private final Ends ends = new Ends(LIMIT).succeeding().failing("broken");

        /** The owner. */
        @Actor
        public void join(L_Result result) {
            result.r1 = ends.join();
        }

        /** Both subtasks. */
        @Actor
        public void subtasks() {
            ends.run(0);
            ends.run(1);
        }
    }

    /** Two subtasks end at once. */
    @JCStressTest
    @Outcome(id = "success", expect = ACCEPTABLE, desc = "Both were counted.")
    @Outcome(expect = FORBIDDEN, desc = "An end was lost: the join waits for nobody.")
    @State
    public static class TwoEnds {
        private final Ends ends = new Ends(LIMIT).succeeding().succeeding();

        /** One subtask. */
        @Actor
        public void first() {
            ends.run(0);
        }

        /** The other. */
        @Actor
        public void second() {
            ends.run(1);
        }

        /** The owner, later. */
        @Arbiter
        public void join(L_Result result) {
            result.r1 = ends.join();
        }
    }

    /** Two subtasks fail at once: one of them cancels the other. */
    @JCStressTest
    @Outcome(
            id = {"one", "other"},
            expect = ACCEPTABLE,
            desc = "The join told of the first.")
    @Outcome(expect = FORBIDDEN, desc = "Both failures were lost.")
    @State
    public static class TwoFailures {
        private final Ends ends = new Ends(LIMIT).failing("one").failing("other");

        /** One subtask. */
        @Actor
        public void first() {
            ends.run(0);
        }

        /** The other. */
        @Actor
        public void second() {
            ends.run(1);
        }

        /** The owner, later. */
        @Arbiter
        public void join(L_Result result) {
            result.r1 = ends.join();
        }
    }
}
