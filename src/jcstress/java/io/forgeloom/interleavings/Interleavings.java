package io.forgeloom.interleavings;

import io.forgeloom.database.HandoverLincheck;
import io.forgeloom.internal.concurrent.ScopeLincheck;
import io.forgeloom.notify.RingLincheck;
import java.util.List;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;

/**
 * Has Lincheck's model checker run each structure through generated scenarios, switching threads at every step that matters.
 * Ends with an exception and the interleaving if one of them can be told apart from calls one after the other.
 */
public final class Interleavings {

    private Interleavings() {}

    /** The argument, if any, is how many scenarios each structure gets; 20 by default. */
    public static void main(String[] arguments) {
        int scenarios = arguments.length == 0 ? 20 : Integer.parseInt(arguments[0]);
        for (Class<?> structure : List.of(RingLincheck.class, HandoverLincheck.class, ScopeLincheck.class)) {
            long begin = System.nanoTime();
            new ModelCheckingOptions()
                    .iterations(scenarios)
                    .invocationsPerIteration(500)
                    .threads(2)
                    .actorsPerThread(structure == ScopeLincheck.class ? 2 : 4)
                    .actorsBefore(structure == ScopeLincheck.class ? 0 : 2)
                    .actorsAfter(structure == ScopeLincheck.class ? 0 : 2)
                    .check(structure);
            System.out.printf(
                    "%s: %d scenarios, no interleaving that shows, %.1f s%n",
                    structure.getSimpleName(), scenarios, (System.nanoTime() - begin) / 1e9);
        }
    }
}
