package io.forgeloom.testing.chaos;

import java.time.Duration;

/** A named consumer has one effect for each committed row, and is told to begin anew after a promotion only. */
final class ConsumerChecker extends Checker {

    /** What it did may be on the new server, too, or not. */
    private static final long BEFORE_NANOS = Duration.ofSeconds(10).toNanos();

    ConsumerChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        FinalState state = history().state();
        state.effects.forEach((id, times) -> {
            if (times > 1) {
                violated(times + " effects for " + id);
            }
            if (!state.source.contains(id)) {
                violated("an effect for " + id + ", which was never committed");
            }
        });
        for (String id : state.source) {
            if (!state.effects.containsKey(id)) {
                violated("no effect for " + id);
            }
        }
        long last = Long.MIN_VALUE;
        for (Line line : history().lines()) {
            if (line.is("consumed") || line.is("consumer") && line.get("does").equals("reconciled")) {
                last = line.nanos();
            } else if (line.is("resync") && line.get("who").equals("consumer")) {
                boolean promoted = last != Long.MIN_VALUE && history().promoted(last - BEFORE_NANOS, line.nanos());
                if (!line.get("cause").equals("OTHER_HISTORY") || !promoted) {
                    violated("a consumer that holds was told to begin anew, and nothing was promoted", line);
                }
            }
        }
    }
}
