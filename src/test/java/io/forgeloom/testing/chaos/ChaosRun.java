package io.forgeloom.testing.chaos;

import io.forgeloom.testing.Await;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The script: servers, nodes, what the plan says, quiet, and what came of it. Confined to one thread. */
final class ChaosRun {

    private static final Duration CATCH_UP = Duration.ofSeconds(30);
    private static final Duration END = Duration.ofSeconds(40);

    /** For idle sessions to be closed, and for two leases. */
    private static final long REST_MILLIS = 3_500;

    private static final String COUNT = "SELECT application_name, count(*) FROM pg_stat_activity"
            + " WHERE application_name LIKE 'chaos-%' AND backend_type = 'client backend' GROUP BY 1";

    private final ChaosOptions options;
    private final PrintStream out;
    private final Path folder;
    private final @Nullable Path clockLibrary;
    private final Plan plan;
    private final ConcurrentLinkedQueue<Line> history = new ConcurrentLinkedQueue<>();
    private final Map<String, Slot> slots = new LinkedHashMap<>();
    private final AtomicReference<@Nullable Throwable> broken = new AtomicReference<>();
    private long begun;
    private volatile boolean over;

    ChaosRun(ChaosOptions options, PrintStream out) throws IOException, InterruptedException {
        this.options = options;
        this.out = out;
        folder = Files.createTempDirectory("forgeloom-chaos-");
        clockLibrary = options.kinds().contains(Kind.CLOCK) ? ClockSkew.library(folder) : null;
        Set<Kind> kinds = EnumSet.copyOf(options.kinds());
        if (clockLibrary == null && kinds.remove(Kind.CLOCK)) {
            out.println("chaos: no clock is changed: there is no C compiler, or no Linux");
        }
        plan = Plan.of(options.seed(), options.length().toMillis(), kinds);
    }

    Report run() throws InterruptedException, SQLException, IOException {
        out.printf(Locale.ROOT, "chaos: %s, seed %d, %d faults%n", options.lengthText(), options.seed(), plan.faults());
        boolean keep = true;
        try {
            List<Violation> violations;
            History all;
            try (Servers servers = Servers.start()) {
                all = new History(List.of(), new FinalState());
                try {
                    start(servers);
                    inflict(servers);
                    FinalState state = finish(servers);
                    all = new History(List.copyOf(history), state);
                } finally {
                    over = true;
                    slots.values().forEach(Slot::close);
                    write();
                }
            }
            violations = Checker.judge(all);
            keep = !violations.isEmpty();
            return new Report(options, plan, all, violations, folder);
        } catch (InterruptedException e) {
            keep = false;
            throw e;
        } catch (RuntimeException | Error e) {
            out.println("chaos: the histories are in " + folder);
            throw e;
        } finally {
            if (!keep) {
                delete();
            }
        }
    }

    // ---- the begin ----

    private void start(Servers servers) throws InterruptedException {
        for (String name : Plan.SLOTS) {
            slots.put(name, new Slot(name, folder, clockLibrary, servers.all(), history::add));
        }
        for (Slot slot : slots.values()) {
            slot.awaitReady();
        }
        begun = System.nanoTime();
        say("three nodes are at work");
        Thread.ofVirtual().name("forgeloom-chaos-sessions").start(() -> countSessions(servers));
    }

    private void say(String what) {
        double seconds = begun == 0 ? 0 : (System.nanoTime() - begun) / 1e9;
        out.printf(Locale.ROOT, "%7.1f s  %s%n", seconds, what);
    }

    private void tell(String event, Object... pairs) {
        history.add(Line.now(Line.DRIVER, event, pairs));
    }

    /** As the primary sees it, once a second. */
    private void countSessions(Servers servers) {
        while (!over) {
            try (Connection connection = servers.primary().connect();
                    Statement statement = connection.createStatement()) {
                while (!over) {
                    try (ResultSet row = statement.executeQuery(COUNT)) {
                        while (row.next()) {
                            tell("sessions", "name", row.getString(1).substring(6), "count", row.getLong(2));
                        }
                    }
                    slots.values().forEach(Slot::cutLost);
                    Thread.sleep(1_000);
                }
            } catch (SQLException e) {
                // The server is down, or another one.
                slots.values().forEach(Slot::cutLost);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    // ---- the faults ----

    private void inflict(Servers servers) throws InterruptedException {
        Faults faults = new Faults(servers, slots, history::add);
        for (Plan.Step step : plan.steps()) {
            long wait = begun + step.atMillis() * 1_000_000 - System.nanoTime();
            Thread.sleep(Math.max(0, wait / 1_000_000));
            List<Thread> threads = new ArrayList<>();
            for (Plan.Fault fault : step.faults()) {
                say(describe(fault));
                threads.add(Thread.ofVirtual()
                        .name("forgeloom-chaos-fault-" + fault.id())
                        .start(() -> inflict(faults, fault)));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            Throwable failure = broken.get();
            if (failure != null) {
                throw new IllegalStateException("a fault could not be inflicted or healed", failure);
            }
        }
        long wait = begun + options.length().toNanos() - System.nanoTime();
        Thread.sleep(Math.max(0, wait / 1_000_000));
    }

    private void inflict(Faults faults, Plan.Fault fault) {
        try {
            faults.inflict(fault);
        } catch (Exception | Error e) {
            broken.compareAndSet(null, e);
        }
    }

    private static String describe(Plan.Fault fault) {
        String kind = fault.kind().name().toLowerCase(Locale.ROOT).replace('_', '-');
        String length = fault.millis() == 0 ? "" : String.format(Locale.ROOT, ", %.1f s", fault.millis() / 1e3);
        return String.format(Locale.ROOT, "%3d %s of %s%s", fault.id(), kind, fault.victim(), length);
    }

    // ---- the end ----

    private FinalState finish(Servers servers) throws InterruptedException, SQLException {
        say("quiet");
        tell("quiet");
        all("quiet");
        try {
            Await.until(
                    "the consumer at the end",
                    CATCH_UP,
                    () -> "t"
                            .equals(
                                    servers.primary()
                                            .query(
                                                    "SELECT (SELECT count(*) FROM chaos_source) <= (SELECT count(*) FROM chaos_effect)")));
        } catch (AssertionError e) {
            // The checker says what is missing.
            say("the consumer is not at the end");
        }
        all("drain");
        Thread.sleep(REST_MILLIS);
        all("measure");
        for (Slot slot : slots.values()) {
            slot.command("end");
        }
        for (Slot slot : slots.values()) {
            try {
                int unused = slot.process().awaitExit(END);
            } catch (AssertionError e) {
                slot.process().sigkill();
            }
            slot.collect();
        }
        tell("left", "sessions", servers.primary().query("SELECT count(*) FROM (" + COUNT + ") AS s"));
        FinalState state = StateReader.read(servers.primary());
        say("everything has ended");
        return state;
    }

    private void all(String command) throws InterruptedException {
        slots.values().forEach(slot -> slot.command(command));
        for (Slot slot : slots.values()) {
            slot.awaitDone(command);
        }
    }

    /** All lines by their time, as the checkers see them. */
    private void write() {
        try {
            Files.write(
                    folder.resolve("history"),
                    new History(List.copyOf(history), new FinalState())
                            .lines().stream().map(Line::toString).toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void delete() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
