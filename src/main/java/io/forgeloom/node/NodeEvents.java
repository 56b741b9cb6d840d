package io.forgeloom.node;

import java.time.Duration;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** What the registry tells Java Flight Recorder. */
final class NodeEvents {

    private NodeEvents() {}

    static void missed(String nodeId, Duration silence, String cause) {
        Missed missed = new Missed();
        missed.node = nodeId;
        missed.silence = silence.toMillis();
        missed.cause = cause;
        missed.commit();
    }

    static void dead(Roll.Silent node) {
        Dead dead = new Dead();
        dead.node = node.nodeId();
        dead.silence = node.silence().toMillis();
        dead.commit();
    }

    /** A heartbeat of this node that the database has not taken. */
    @Name("io.forgeloom.node.Missed")
    @Label("Heartbeat missed")
    @Category({"Forgeloom", "Node"})
    @Description("This node could not tell the database in time that it is there")
    @StackTrace(false)
    static final class Missed extends Event {
        @Label("Node")
        String node = "";

        @Label("Silence")
        @Timespan(Timespan.MILLISECONDS)
        long silence;

        @Label("Cause")
        String cause = "";
    }

    /** Another node that this one has found dead. */
    @Name("io.forgeloom.node.Dead")
    @Label("Node dead")
    @Category({"Forgeloom", "Node"})
    @Description("This node was the first to find that another one has gone silent")
    @StackTrace(false)
    static final class Dead extends Event {
        @Label("Node")
        String node = "";

        @Label("Silence")
        @Timespan(Timespan.MILLISECONDS)
        long silence;
    }
}
