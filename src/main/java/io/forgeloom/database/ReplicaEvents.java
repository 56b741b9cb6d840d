package io.forgeloom.database;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** What a replica tells Java Flight Recorder. */
final class ReplicaEvents {

    private ReplicaEvents() {}

    /** To be called in the order of the changes. */
    static void stateChanged(String replica, ReplicaStatus.State from, ReplicaStatus.State to, String reason) {
        StateChange event = new StateChange();
        if (event.isEnabled()) {
            event.replica = replica;
            event.from = from.name();
            event.to = to.name();
            event.reason = reason;
            event.commit();
        }
    }

    @Name("io.forgeloom.db.client.replica.state_change")
    @Label("Replica State Change")
    @Description("Reads go to a replica, or not any more, or not for another reason")
    @Category({"Forgeloom", "Replica Routing"})
    @StackTrace(false)
    static final class StateChange extends Event {
        @Label("Replica")
        @Nullable
        String replica;

        @Label("From")
        @Nullable
        String from;

        @Label("To")
        @Nullable
        String to;

        @Label("Reason")
        @Nullable
        String reason;
    }
}
