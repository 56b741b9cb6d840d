package io.forgeloom.testing.demo;

import io.forgeloom.testing.demo.Events.Event;
import io.forgeloom.testing.demo.Text.Style;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A few lines that are redrawn in place. Each frame is one write. While it moves, the cursor is hidden and long lines are
 * cut by the terminal instead of wrapped, so that a window made narrower does not tear it; {@link #RESTORE} undoes both.
 * One thread at a time.
 */
final class LiveView implements View {

    /** Shows the cursor and wraps long lines again; harmless at any time. */
    static final String RESTORE = "\u001b[?25h\u001b[?7h\u001b[0m";

    private static final String HIDE = "\u001b[?25l\u001b[?7l";
    private static final int LABEL = 13;
    private static final double SECOND = 1e9;

    private final PrintStream out;
    private final Terminal terminal;
    private final String title;
    private String server = "";
    private int drawn;

    LiveView(PrintStream out, Terminal terminal, String title) {
        this.out = out;
        this.terminal = terminal;
        this.title = title;
    }

    @Override
    public void starting(String step, double fraction) {
        draw(List.of(heading("starting"), bar(fraction), new Text(terminal).add(Style.DIM, step)));
    }

    @Override
    public void ready(String description) {
        server = description;
    }

    /** The frame shows the latest one; nothing to do. */
    @Override
    public void event(Event event) {}

    @Override
    public void show(Snapshot now) {
        draw(frame(now));
    }

    @Override
    public void print(List<String> lines) {
        out.print(RESTORE + String.join("\n", lines) + "\n");
        out.flush();
        drawn = 0;
    }

    @Override
    public void report(List<String> lines) {
        if (drawn > 0) {
            out.print("\u001b[" + drawn + "A\r\u001b[J");
        }
        print(lines);
    }

    @Override
    public long intervalMillis() {
        return 150;
    }

    /** The lines of one frame. */
    List<Text> frame(Snapshot now) {
        double total = now.totalNanos() / SECOND;
        double elapsed = now.elapsedNanos() / SECOND;
        List<Text> lines = new ArrayList<>();
        lines.add(heading(String.format(Locale.ROOT, "%.1f of %.0f s", Math.min(elapsed, total), total)));
        lines.add(bar(elapsed / total));
        lines.add(new Text(terminal).add(Style.DIM, server));
        Text throughput = label("throughput").add(Style.BOLD, String.format(Locale.ROOT, "%,7d /s  ", now.perSecond()));
        lines.add(throughput.add(Style.CYAN, sparkline(now.history(), terminal.width() - throughput.width())));
        lines.add(label("committed")
                .add(Style.BOLD, String.format(Locale.ROOT, "%,7d", now.committed()))
                .add("    errors ")
                .add(now.errors() == 0 ? Style.NORMAL : Style.YELLOW, Long.toString(now.errors()))
                .add("  unknown ")
                .add(now.unknown() == 0 ? Style.NORMAL : Style.YELLOW, Long.toString(now.unknown()))
                .add(Style.DIM, "  declined " + now.declined() + "  run again " + now.runAgain()));
        lines.add(pool(now));
        lines.add(server(now));
        if (!now.reads().replicas().isEmpty()) {
            lines.addAll(reads(now.reads()));
        }
        if (now.bus().any()) {
            lines.add(bus(now.bus(), now.listening()));
        }
        if (now.leader().any()) {
            lines.addAll(leader(now.leader()));
        }
        if (now.changes().any()) {
            lines.add(changes(now.changes()));
        }
        if (now.runtime().any()) {
            lines.add(runtime(now.runtime()));
        }
        Text event = label("event");
        Event latest = now.latest();
        if (latest != null) {
            event.add(Style.DIM, String.format(Locale.ROOT, "%.1f s  ", latest.atNanos() / SECOND))
                    .add(latest.text());
        }
        lines.add(event);
        return lines;
    }

    private Text heading(String state) {
        return new Text(terminal).add(Style.BOLD, title).right(Style.NORMAL, state);
    }

    private Text bar(double fraction) {
        String percent = String.format(Locale.ROOT, " %3.0f %%", 100 * Math.clamp(fraction, 0, 1));
        int room = terminal.width() - percent.length();
        int full = (int) Math.round(room * Math.clamp(fraction, 0, 1));
        return new Text(terminal)
                .add(Style.GREEN, (terminal.unicode() ? "━" : "#").repeat(full))
                .add(Style.DIM, (terminal.unicode() ? "─" : "-").repeat(room - full))
                .add(percent);
    }

    private Text pool(Snapshot now) {
        // One cell a connection as long as they fit.
        int cells = Math.min(now.pool().maxSize(), 20);
        int active = cells * now.pool().active() / now.pool().maxSize();
        int open = cells * now.pool().total() / now.pool().maxSize();
        return label("pool")
                .add(Style.GREEN, (terminal.unicode() ? "■" : "#").repeat(active))
                .add(Style.NORMAL, (terminal.unicode() ? "□" : "=").repeat(open - active))
                .add(Style.DIM, (terminal.unicode() ? "·" : ".").repeat(cells - open))
                .add("  active " + now.pool().active() + "  idle " + now.pool().idle() + "  waiting "
                        + now.pool().waiting());
    }

    private Text server(Snapshot now) {
        String dot = terminal.unicode() ? "● " : "* ";
        double since = now.serverStateNanos() / SECOND;
        String seconds = String.format(Locale.ROOT, " for %.1f s", since);
        return switch (now.server()) {
            case UP -> label("server").add(Style.GREEN, dot + "up");
            case KILLED -> label("server").add(Style.RED, dot + "killed").add(seconds);
            case RECOVERING ->
                label("server").add(Style.YELLOW, dot + "recovering").add(seconds);
        };
    }

    private List<Text> reads(Snapshot.Reads reads) {
        List<Text> lines = new ArrayList<>();
        String dot = terminal.unicode() ? "● " : "* ";
        for (Snapshot.Replica replica : reads.replicas()) {
            lines.add(label(replica.status().name())
                    .add(replica.status().isInRotation() ? Style.GREEN : Style.RED, dot)
                    .add(ReplicaText.state(replica.status()))
                    .to(LABEL + 14)
                    .add(ReplicaText.share(replica.reads(), reads.count()) + " of the reads")
                    .add(Style.DIM, ReplicaText.lag(replica.status())));
        }
        lines.add(label("reads")
                .add(Style.BOLD, String.format(Locale.ROOT, "%,7d /s", reads.perSecond()))
                .add(String.format(Locale.ROOT, "  of %,d", reads.count()))
                .add("  stale ")
                .add(reads.stale() == 0 ? Style.NORMAL : Style.RED, Long.toString(reads.stale()))
                .add("  failed ")
                .add(reads.failed() == 0 ? Style.NORMAL : Style.YELLOW, Long.toString(reads.failed()))
                .add(Style.DIM, "  on the primary " + ReplicaText.share(reads.onPrimary(), reads.count())));
        return lines;
    }

    private Text bus(BusFindings bus, boolean listening) {
        return label("bus")
                .add(listening ? Style.GREEN : Style.RED, terminal.unicode() ? "● " : "* ")
                .add(String.format(Locale.ROOT, "sent %,d  received %,d  silent ", bus.sent(), bus.received()))
                .add(bus.silent() == 0 ? Style.NORMAL : Style.RED, Long.toString(bus.silent()))
                .add(Style.DIM, String.format(Locale.ROOT, "  gaps %d  lagged %,d", bus.gaps(), bus.lagged()));
    }

    private List<Text> leader(LeaderFindings leader) {
        boolean leads = !leader.leader().isEmpty();
        Text takeovers = label("takeovers");
        for (LeaderFindings.Takeover takeover : leader.takeovers()) {
            takeovers
                    .add(Style.DIM, takeover.how() + " ")
                    .add(
                            takeover.happened() ? Style.NORMAL : Style.RED,
                            takeover.happened()
                                    ? String.format(Locale.ROOT, "%.2f s   ", takeover.nanos() / SECOND)
                                    : "none   ");
        }
        return List.of(
                label("leader")
                        .add(leads ? Style.GREEN : Style.RED, terminal.unicode() ? "● " : "* ")
                        .add(String.format(
                                Locale.ROOT,
                                "%s  term %d  writes %,d  stale writes accepted ",
                                leads ? leader.leader() : "nobody",
                                leader.term(),
                                leader.writes()))
                        .add(leader.staleAccepted() == 0 ? Style.NORMAL : Style.RED, leader.staleAccepted() + "")
                        .add(Style.DIM, String.format(Locale.ROOT, "  refused %,d", leader.staleRefused())),
                takeovers);
    }

    private Text changes(ChangeFindings changes) {
        return label("change log")
                .add(String.format(Locale.ROOT, "copied %,d changed rows  begun anew ", changes.applied()))
                .add(changes.resyncs() == 0 ? Style.NORMAL : Style.RED, Long.toString(changes.resyncs()));
    }

    private Text runtime(RuntimeFindings runtime) {
        return label("runtime")
                .add(runtime.ready() ? Style.GREEN : Style.RED, terminal.unicode() ? "● " : "* ")
                .add(runtime.ready() ? "ready" : "not ready")
                .to(LABEL + 14)
                .add(String.format(Locale.ROOT, "started in %,d ms  nodes %,d", runtime.startMillis(), runtime.nodes()))
                .add(
                        Style.DIM,
                        String.format(Locale.ROOT, "  not ready %,d of %,d", runtime.notReady(), runtime.asked()));
    }

    private Text label(String name) {
        return new Text(terminal).add(Style.DIM, name).to(LABEL);
    }

    /** One character a part of the run, as high as its share of the highest. */
    private String sparkline(List<Long> history, int room) {
        String steps = terminal.unicode() ? " ▁▂▃▄▅▆▇█" : " .:-=+*#@";
        long highest =
                Math.max(1, history.stream().mapToLong(Long::longValue).max().orElse(1));
        StringBuilder line = new StringBuilder();
        for (long value : history.subList(Math.max(0, history.size() - Math.max(0, room)), history.size())) {
            // Anything at all is seen: only nothing is a space.
            line.append(steps.charAt((int) ((value * (steps.length() - 1) + highest - 1) / highest)));
        }
        return line.toString();
    }

    private void draw(List<Text> lines) {
        StringBuilder frame = new StringBuilder(HIDE);
        if (drawn > 0) {
            frame.append("\u001b[").append(drawn).append('A');
        }
        for (Text line : lines) {
            // Cleared first: after a full line the cursor is on its last character, and clearing from there takes it.
            frame.append("\r\u001b[2K").append(line).append('\n');
        }
        frame.append("\u001b[J");
        drawn = lines.size();
        out.print(frame);
        out.flush();
    }
}
