package io.forgeloom.testing.demo;

import io.forgeloom.testing.demo.Text.Style;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/** The table at the end. Confined to one thread. */
final class Report {

    private static final int LABEL = 43;
    private static final double SECOND = 1e9;

    private final Terminal terminal;
    private final List<String> lines = new ArrayList<>();

    private Report(Terminal terminal) {
        this.terminal = terminal;
    }

    /**
     * The whole of it.
     *
     * @param elapsedNanos from the start of the load until the last client ended
     */
    static List<String> of(
            Terminal terminal,
            long elapsedNanos,
            Tally tally,
            ReadTally reads,
            Outage outage,
            Findings findings,
            Verdict verdict) {
        Report report = new Report(terminal);
        report.operations(elapsedNanos, tally);
        report.waits(tally);
        report.server(outage);
        report.ids(findings, tally);
        if (findings.reads().any()) {
            report.reads(elapsedNanos, findings.reads(), reads);
            report.faults(findings.reads());
        }
        if (findings.bus().any()) {
            report.bus(findings.bus());
        }
        if (findings.leader().any()) {
            report.leader(findings.leader());
        }
        if (findings.changes().any()) {
            report.changes(findings.changes());
        }
        if (findings.runtime().any()) {
            report.runtime(findings.runtime());
        }
        report.connections(findings);
        report.heading("Invariants");
        report.invariants(verdict);
        return report.lines;
    }

    /** What fits on a terminal of 80 x 24, below the command: what was done, and each invariant. */
    static List<String> screen(Terminal terminal, long elapsedNanos, Tally tally, Findings findings, Verdict verdict) {
        Report report = new Report(terminal);
        report.line(new Text(terminal)
                .add(Style.BOLD, "Forgeloom demo")
                .right(Style.NORMAL, String.format(Locale.ROOT, "%.1f s", elapsedNanos / SECOND)));
        report.line(new Text(terminal)
                .add(
                        Style.DIM,
                        String.format(
                                Locale.ROOT,
                                "%,d commits, %,d reads, %,d notified, %,d changes, %d takeovers",
                                tally.committed.sum(),
                                findings.reads().total(),
                                findings.bus().received(),
                                findings.changes().applied(),
                                findings.leader().takeovers().size())));
        report.invariants(verdict);
        String last = report.lines.removeLast();
        report.lines.add(last + Text.unbounded(terminal).add(Style.DIM, " All figures: ./forge demo --plain"));
        return report.lines;
    }

    private void operations(long elapsedNanos, Tally tally) {
        double seconds = elapsedNanos / SECOND;
        heading(String.format(Locale.ROOT, "Operations in %.1f s", seconds));
        long committed = tally.committed.sum();
        row("committed", committed, String.format(Locale.ROOT, "%,.0f /s, with the outage", committed / seconds));
        row("declined (no money), rolled back", tally.declined.sum(), "");
        row("run again after 40001 or 40P01", tally.runAgain.sum(), "");
        row("errors", tally.errors.sum(), "");
        tally.errorsByKind().forEach((kind, count) -> row("  " + kind, count, ""));
    }

    private void waits(Tally tally) {
        heading("Wait for a connection, in ms");
        line(text().add(Style.DIM, "  from the call to the body's first line")
                .to(LABEL)
                .add(Style.DIM, "     p50       p99       max"));
        wait("all", tally.allWaits());
        wait("those that no outage prolonged", tally.waits());
    }

    private void wait(String name, Histogram micros) {
        line(text().add("  " + name)
                .to(LABEL)
                .add(String.format(
                        Locale.ROOT,
                        "%,8.1f  %,8.1f  %,8.1f",
                        micros.getValueAtPercentile(50) / 1e3,
                        micros.getValueAtPercentile(99) / 1e3,
                        micros.getMaxValue() / 1e3)));
    }

    private void server(Outage outage) {
        if (!outage.happened()) {
            heading("Server");
            line(text().add("  yours, so left alone: no kill, no recovery, no commit in flight to be settled"));
            return;
        }
        if (!outage.over()) {
            heading("Recovery");
            line(text().add(Style.RED, "  no commit after the kill"));
            return;
        }
        Outage.Times times = outage.times();
        heading("Recovery, in ms");
        row("killed (pg_ctl stop -m immediate) after", millis(times.killedAt()), "");
        row("start until it accepts connections", millis(times.untilAccepting()), "PostgreSQL's recovery");
        row(
                "from then to the first commit",
                millis(times.untilFirstCommit()),
                times.untilFirstCommit() == 0 ? "before our own look" : "the pool's recovery");
        row("from the kill to the first commit", millis(times.killToFirstCommit()), "with our pause in between");
    }

    private void ids(Findings findings, Tally tally) {
        Reconciliation.Result ids = findings.ids();
        heading("Ids, one for each transaction");
        row("seen committed by a client", ids.committed(), "");
        row("rows in the database", ids.rows(), "");
        row("lost", ids.lost().count(), "");
        row("duplicated", ids.duplicated().count(), "");
        row("in the database though seen to fail", ids.contradicted().count(), "");
        int committed = ids.unknownCommitted().size();
        row(
                "unknown to the client, settled by its row",
                ids.unknown(),
                ids.unknown() == 0 ? "" : committed + " committed, " + (ids.unknown() - committed) + " rolled back");
        long settledCommitted = tally.settledCommitted.sum();
        long settledRolledBack = tally.settledRolledBack.sum();
        row(
                "lost answer, settled by traceCommit",
                settledCommitted + settledRolledBack,
                settledCommitted + settledRolledBack == 0
                        ? ""
                        : settledCommitted + " committed, " + settledRolledBack + " rolled back");
        Findings.Settled settled = findings.settled();
        if (settled.asked() > 0) {
            row(
                    "unknown, asked for by commitOutcome",
                    settled.asked(),
                    settled.committed() + " committed, " + settled.rolledBack() + " rolled back");
        }
    }

    private void reads(long elapsedNanos, ReadFindings found, ReadTally reads) {
        heading("Reads");
        long total = found.total();
        row("answered", total, String.format(Locale.ROOT, "%,.0f /s, with the outages", total * SECOND / elapsedNanos));
        found.servers()
                .forEach(server ->
                        row("  by " + server.name(), server.reads(), ReplicaText.share(server.reads(), total)));
        row("after a commit's position", found.afterPosition(), found.stale() + " stale");
        row(
                "right after a commit, without its position",
                found.withoutPosition(),
                found.behind() + " did not show it, as they may");
        row("failed", found.failed(), "");
        reads.failuresByKind().forEach((kind, count) -> row("  " + kind, count, ""));
        line(text().add(Style.DIM, "  how long they took, in ms")
                .to(LABEL)
                .add(Style.DIM, "     p50       p99       max"));
        wait("from the call to its return", reads.times());
    }

    private void faults(ReadFindings found) {
        heading("Faults and the reads meanwhile, times in ms");
        line(text().add(Style.DIM, "  in flight: inside that server at that moment; longest: anywhere"));
        line(text().to(LABEL - 12).add(Style.DIM, "in flight  failed  longest  out after  back after"));
        for (Fault.Result fault : found.faults()) {
            line(text().add("  " + fault.server() + " " + fault.kind())
                    .to(LABEL - 12)
                    .add(String.format(
                            Locale.ROOT,
                            "%,9d %,7d %,8d %10s  %10s",
                            fault.inFlight(),
                            fault.failed(),
                            millis(fault.longestNanos()),
                            fault.outNanos() == Fault.NOT_YET ? "-" : String.valueOf(millis(fault.outNanos())),
                            fault.backNanos() == Fault.NOT_YET ? "never" : String.valueOf(millis(fault.backNanos())))));
        }
    }

    private void bus(BusFindings found) {
        heading("Notifications, numbered, on 4 channels to 4 subscribers");
        row("sent in committed transactions", found.sent(), "");
        row("received", found.received(), "by all together; the bus connected " + found.generation() + " times");
        row("gaps that were told", found.gaps(), "");
        row("missed by the slow one, and told", found.lagged(), "");
        row("silent gaps", found.silent(), "");
    }

    private void leader(LeaderFindings found) {
        heading("Leader among 3 processes, with a lease of 3 s; times in ms");
        for (LeaderFindings.Takeover takeover : found.takeovers()) {
            row(
                    takeover.how() + ", until another one leads",
                    millis(takeover.nanos()),
                    takeover.happened() ? "" : "never");
        }
        row("writes by leaders", found.writes(), "term " + found.term() + " at the end");
        row("writes by earlier leaders, refused", found.staleRefused(), "");
        row("writes by earlier leaders, accepted", found.staleAccepted(), "");
    }

    private void changes(ChangeFindings found) {
        heading("A copy of a table that 4 writers change, kept by the change log");
        row("changed rows that it was given", found.applied(), "");
        row("rows of the table at the end", found.rows(), "");
        row("rows of the copy that are different", found.different(), found.resyncs() + " times begun anew");
    }

    private void runtime(RuntimeFindings found) {
        heading("The whole runtime, Forge.start; times in ms");
        row("from the call to ready", found.startMillis(), "with its tables made");
        row("asked for its health", found.asked(), found.notReady() + " times not ready");
        row("nodes alive in the registry", found.nodes(), "");
        row("close", found.closeMillis(), found.left() + " sessions and nodes left");
    }

    private void connections(Findings findings) {
        heading("Connections");
        row(
                "opened on the primary",
                findings.pool().opened(),
                "at most " + findings.pool().maxSize() + " at a time");
        row("closed", findings.pool().closed(), "");
        row("leaked", Verdict.leaked(findings), "on the servers, in the pools");
    }

    private void invariants(Verdict verdict) {
        for (Verdict.Invariant invariant : verdict.invariants()) {
            Text rule = text();
            if (invariant.held()) {
                rule.add(Style.GREEN, terminal.unicode() ? "  ✔ " : "  ok    ").add(invariant.rule());
            } else {
                rule.add(Style.RED, terminal.unicode() ? "  ✘ " : "  BROKEN ").add(Style.RED, invariant.rule());
            }
            line(rule);
            if (!invariant.held()) {
                line(text().add("      " + invariant.found()));
            }
        }
        lines.add("");
        long broken = verdict.invariants().stream().filter(one -> !one.held()).count();
        line(
                broken == 0
                        ? text().add(Style.GREEN, "Every invariant held.")
                        : text().add(
                                        Style.RED,
                                        broken + (broken == 1 ? " invariant" : " invariants") + " did not hold."));
    }

    private static long millis(long nanos) {
        return Math.round(nanos / 1e6);
    }

    private void heading(String text) {
        lines.add("");
        line(text().add(Style.BOLD, text));
    }

    private void row(String name, long value, String note) {
        Text text = text().add("  " + name).to(LABEL).add(String.format(Locale.ROOT, "%,8d", value));
        line(note.isEmpty() ? text : text.add(Style.DIM, "  " + note));
    }

    private Text text() {
        return Text.unbounded(terminal);
    }

    private void line(Text text) {
        lines.add(text.toString());
    }
}
