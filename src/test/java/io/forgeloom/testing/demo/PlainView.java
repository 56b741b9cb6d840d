package io.forgeloom.testing.demo;

import io.forgeloom.testing.demo.Events.Event;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** Lines: for files, pipes and terminals that cannot redraw. One thread at a time. */
final class PlainView implements View {

    private static final double SECOND = 1e9;

    private final PrintStream out;
    private String lastStep = "";

    PlainView(PrintStream out) {
        this.out = out;
    }

    @Override
    public void starting(String step, double fraction) {
        if (!step.equals(lastStep)) {
            lastStep = step;
            line(String.format(Locale.ROOT, "demo: %3.0f %%  %s", fraction * 100, step));
        }
    }

    @Override
    public void ready(String server) {
        line("demo: " + server);
    }

    @Override
    public void event(Event event) {
        line(String.format(
                Locale.ROOT,
                "%6.1f s  * %s%s",
                event.atNanos() / SECOND,
                event.fromLog() ? "log: " : "",
                event.text()));
    }

    @Override
    public void show(Snapshot now) {
        line(String.format(
                Locale.ROOT,
                "%6.1f s  committed %,d (%,d/s)  errors %d  unknown %d  active %d  idle %d  waiting %d  server %s",
                now.elapsedNanos() / SECOND,
                now.committed(),
                now.perSecond(),
                now.errors(),
                now.unknown(),
                now.pool().active(),
                now.pool().idle(),
                now.pool().waiting(),
                now.server().name().toLowerCase(Locale.ROOT)));
        if (!now.reads().replicas().isEmpty()) {
            line(reads(now.reads()));
        }
        BusFindings bus = now.bus();
        if (bus.any()) {
            line(String.format(
                    Locale.ROOT,
                    "          bus %s  sent %,d  received %,d  gaps %d  lagged %,d  silent %d",
                    now.listening() ? "listening" : "connecting",
                    bus.sent(),
                    bus.received(),
                    bus.gaps(),
                    bus.lagged(),
                    bus.silent()));
        }
        LeaderFindings leader = now.leader();
        if (leader.any()) {
            line(String.format(
                    Locale.ROOT,
                    "          leader %s  term %d  writes %,d  stale writes refused %,d, accepted %d",
                    leader.leader().isEmpty() ? "nobody" : leader.leader(),
                    leader.term(),
                    leader.writes(),
                    leader.staleRefused(),
                    leader.staleAccepted()));
        }
    }

    private static String reads(Snapshot.Reads reads) {
        StringBuilder line = new StringBuilder(String.format(
                Locale.ROOT,
                "          reads %,d (%,d/s)  stale %d  failed %d  primary %s",
                reads.count(),
                reads.perSecond(),
                reads.stale(),
                reads.failed(),
                ReplicaText.share(reads.onPrimary(), reads.count())));
        for (Snapshot.Replica replica : reads.replicas()) {
            line.append("  ")
                    .append(replica.status().name())
                    .append(' ')
                    .append(ReplicaText.share(replica.reads(), reads.count()))
                    .append(' ')
                    .append(ReplicaText.state(replica.status()))
                    .append(ReplicaText.lag(replica.status()));
        }
        return line.toString();
    }

    @Override
    public void print(List<String> lines) {
        lines.forEach(this::line);
    }

    @Override
    public long intervalMillis() {
        return 1000;
    }

    private void line(String line) {
        out.println(line);
        out.flush();
    }
}
