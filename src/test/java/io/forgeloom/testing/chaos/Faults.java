package io.forgeloom.testing.chaos;

import io.forgeloom.testing.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Does what a plan says, and undoes it. Each fault is for one thread; two at a time have different victims. */
final class Faults {

    private static final List<Duration> CLOCKS =
            List.of(Duration.ofHours(5), Duration.ofHours(-7), Duration.ofDays(40), Duration.ofSeconds(-90));

    private static final String COMMITS = "state = 'active' AND query ILIKE '%commit%'";

    /** Looks for somebody who commits. */
    private static final int AT_COMMIT = 200;

    private final Servers servers;
    private final Map<String, Slot> slots;
    private final Consumer<Line> history;

    Faults(Servers servers, Map<String, Slot> slots, Consumer<Line> history) {
        this.servers = servers;
        this.slots = slots;
        this.history = history;
    }

    /** Returns when all is as before. */
    void inflict(Plan.Fault fault) throws InterruptedException, SQLException {
        tell("fault", "id", fault.id(), "kind", fault.kind(), "victim", fault.victim());
        if (fault.kind().ofNode()) {
            onNode(fault, slots.get(fault.victim()));
        } else {
            onServer(fault, servers.byName(fault.victim()));
        }
        tell("healed", "id", fault.id());
    }

    private void onNode(Plan.Fault fault, Slot slot) throws InterruptedException {
        switch (fault.kind()) {
            case KILL -> {
                slot.kill();
                slot.awaitReady();
            }
            case PAUSE -> {
                slot.process().sigstop();
                Thread.sleep(fault.millis());
                slot.process().sigcont();
            }
            case RESET -> slot.reset();
            case BLACKHOLE -> {
                slot.blackhole(fault.variant() % 2 == 0);
                Thread.sleep(fault.millis());
                slot.heal();
            }
            case BACKENDS -> terminate(slot.node(), fault.variant());
            case EXHAUSTION -> {
                slot.command("exhaust " + fault.millis());
                Thread.sleep(fault.millis());
            }
            case CLOCK -> {
                slot.setClock(CLOCKS.get(fault.variant()).toSeconds());
                Thread.sleep(fault.millis());
                slot.setClock(0);
            }
            default -> throw new IllegalArgumentException(fault.toString());
        }
    }

    /** All, some, or for a while those that commit. */
    private void terminate(String node, int variant) throws InterruptedException {
        String chosen = List.of("true", "random() < 0.4", COMMITS, COMMITS).get(variant);
        String statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chaos-"
                + node + "' AND " + chosen;
        try (Connection connection = servers.primary().connect();
                Statement terminate = connection.createStatement()) {
            for (int i = chosen.equals(COMMITS) ? AT_COMMIT : 1; i > 0; i--) {
                terminate.execute(statement);
                Thread.sleep(5);
            }
        } catch (SQLException e) {
            // The primary is down just now, and they with it.
            tell("unreachable", "for", node);
        }
    }

    private void onServer(Plan.Fault fault, PostgresServer server) throws InterruptedException, SQLException {
        boolean fast = fault.variant() % 2 == 0;
        int number = servers.numberOf(server);
        switch (fault.kind()) {
            case PRIMARY_RESTART, REPLICA_RESTART -> {
                servers.end(server, fast);
                tell("down", "server", number);
                Thread.sleep(fault.millis());
                server.start();
                tell("up", "server", number);
            }
            case REPLICA_LAG -> {
                server.execute("SELECT pg_wal_replay_pause()");
                Thread.sleep(fault.millis());
                server.execute("SELECT pg_wal_replay_resume()");
            }
            case PROMOTION -> {
                servers.end(server, fast);
                tell("down", "server", number);
                servers.promote();
                tell("up", "server", number);
            }
            default -> throw new IllegalArgumentException(fault.toString());
        }
        servers.awaitStreaming();
    }

    private void tell(String event, Object... pairs) {
        history.accept(Line.now(Line.DRIVER, event, pairs));
    }
}
