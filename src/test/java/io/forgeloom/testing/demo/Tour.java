package io.forgeloom.testing.demo;

import io.forgeloom.database.Database;
import java.sql.SQLException;

/**
 * The parts that need tables of their own, on a server of our own: the whole runtime, the election, the change log. Started and
 * stopped by one thread.
 */
record Tour(RuntimeLoad runtime, LeaderLoad leaders, ChangeLoad changes) implements AutoCloseable {

    /** The runtime first, as it makes the tables of all. */
    static Tour open(Database control, String url, Outage outage, Events events, int seconds)
            throws InterruptedException {
        RuntimeLoad runtime = RuntimeLoad.open(url);
        LeaderLoad leaders = null;
        try {
            leaders = LeaderLoad.open(control, url, outage, events, seconds);
            return new Tour(runtime, leaders, ChangeLoad.open(url));
        } catch (Throwable e) {
            if (leaders != null) {
                leaders.close();
            }
            runtime.close();
            throw e;
        }
    }

    void start() {
        runtime.start();
        leaders.start();
        changes.start();
    }

    /** What came of each. */
    record Findings(RuntimeFindings runtime, LeaderFindings leader, ChangeFindings changes) {

        static final Findings NONE = new Findings(RuntimeFindings.NONE, LeaderFindings.NONE, ChangeFindings.NONE);
    }

    Findings stop(Database control) throws InterruptedException, SQLException {
        LeaderFindings led = leaders.stop();
        ChangeFindings changed = changes.stop();
        return new Findings(runtime.stop(control), led, changed);
    }

    @Override
    public void close() {
        try (runtime;
                leaders) {
            changes.close();
        }
    }
}
