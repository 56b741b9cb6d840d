package io.forgeloom.testing.demo;

import io.forgeloom.testing.demo.Events.Event;
import java.util.List;

/** Shows the demo on one kind of output. Called by one thread at a time; may block on the output. */
interface View {

    /** The cluster is being started; see {@link io.forgeloom.testing.Progress}. */
    void starting(String step, double fraction);

    /** The load is about to begin on the server so described. */
    void ready(String server);

    /** Something happened. */
    void event(Event event);

    /** How things stand now. */
    void show(Snapshot now);

    /** Lines that stay: the report. The moving part is over. */
    void print(List<String> lines);

    /** The end: lines that take the place of the moving part. */
    default void report(List<String> lines) {
        print(lines);
    }

    /** How often {@link #show} is called. */
    long intervalMillis();
}
