package io.forgeloom.leader;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** What elections tell Java Flight Recorder. */
final class LeaderEvents {

    private LeaderEvents() {}

    /** Records the same as the listeners are told. */
    static void record(LeaderEvent event) {
        Change change = new Change();
        change.role = event.role().name();
        change.token = event.token().toString();
        change.what = switch (event) {
            case LeaderEvent.Elected e -> "elected";
            case LeaderEvent.Resigned e -> "resigned";
            case LeaderEvent.Lost lost -> "lost: " + lost.cause();
        };
        change.commit();
    }

    /** This process came into office, or left it. */
    @Name("io.forgeloom.leader.Change")
    @Label("Leadership changed")
    @Category({"Forgeloom", "Leader"})
    @Description("This process was elected, resigned, or lost its leadership")
    @StackTrace(false)
    static final class Change extends Event {
        @Label("Role")
        String role = "";

        @Label("Token")
        String token = "";

        @Label("What")
        String what = "";
    }
}
