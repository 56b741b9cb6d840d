package io.forgeloom.testing.chaos;

import java.util.Map;

/** Each process that was started works in the end, or was killed; and of all of them together each migration ran once. */
final class StartsChecker extends Checker {

    static final Map<String, Integer> ONCE = Map.of("0001_tables", 1, "0002_leaders", 1);

    StartsChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        history().lines("start").forEach(line -> {
            String name = line.get("name");
            if (!history().wasKilled(name)
                    && history().lines("ready").noneMatch(ready -> ready.node().equals(name))) {
                violated(name + " was started and never ready", line);
            }
        });
        if (!history().state().migrations.equals(ONCE)) {
            violated("migrations that were applied, and how often: " + history().state().migrations);
        }
    }
}
