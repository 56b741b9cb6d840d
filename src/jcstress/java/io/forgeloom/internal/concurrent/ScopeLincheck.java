package io.forgeloom.internal.concurrent;

import java.time.Duration;
import org.jetbrains.lincheck.datastructures.Operation;

/**
 * A scope whose deadline has passed, with two subtasks: its owner is told that it is too late or that all is well as if each
 * end and the join were one step.
 */
public final class ScopeLincheck {
    private final ScopeStress.Ends ends =
            new ScopeStress.Ends(Duration.ZERO).succeeding().succeeding();

    /** The end of a subtask. */
    @Operation(runOnce = true)
    public void first() {
        ends.run(0);
    }

    /** The end of the other. */
    @Operation(runOnce = true)
    public void second() {
        ends.run(1);
    }

    /** {@return what the owner is told} */
    @Operation(runOnce = true)
    public String join() {
        return ends.join();
    }
}
