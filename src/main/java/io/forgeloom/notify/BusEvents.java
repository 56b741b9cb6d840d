package io.forgeloom.notify;

import java.util.List;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.EventType;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** What the bus tells Java Flight Recorder. Where an event is switched off, nothing is allocated for it. */
final class BusEvents {

    private static final EventType LAG = EventType.getEventType(Lag.class);

    private BusEvents() {}

    static void lagged(List<String> channels, long missed) {
        if (LAG.isEnabled()) {
            Lag event = new Lag();
            event.channels = String.join(", ", channels);
            event.missed = missed;
            event.commit();
        }
    }

    /** The bus listens, after so long without. */
    @Name("io.forgeloom.notify.Connect")
    @Label("Bus connected")
    @Category({"Forgeloom", "Notify"})
    @Description("The notify bus listens on all of its channels; each subscription got a gap")
    @StackTrace(false)
    static final class Connect extends Event {
        @Label("Generation")
        long generation;

        @Label("Channels")
        int channels;

        @Label("Cause")
        @Description("What ended the listening before")
        String cause = "";
    }

    /** A subscriber was too slow. */
    @Name("io.forgeloom.notify.Lag")
    @Label("Subscriber lagged")
    @Category({"Forgeloom", "Notify"})
    @StackTrace(false)
    static final class Lag extends Event {
        @Label("Channels")
        String channels = "";

        @Label("Missed")
        long missed;
    }

    /** The session was given up. */
    @Name("io.forgeloom.notify.Disconnect")
    @Label("Bus disconnected")
    @Category({"Forgeloom", "Notify"})
    @Description("The session of the notify bus failed, or a probe of it did")
    @StackTrace(false)
    static final class Disconnect extends Event {
        @Label("Generation")
        long generation;

        @Label("Cause")
        String cause = "";
    }
}
