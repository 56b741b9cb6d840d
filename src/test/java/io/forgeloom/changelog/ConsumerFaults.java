package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.TestServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** Some {@link ConsumerNode}s, and what is done to them. Confined to one thread. */
final class ConsumerFaults implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    /** One that has a million rows to read at once. */
    private static final Duration END_LIMIT = Duration.ofMinutes(30);

    private final TestServer server;
    private final Map<String, TestProcess> nodes = new LinkedHashMap<>();
    private String start = "";
    private String away = "";

    ConsumerFaults(TestServer server) {
        this.server = server;
    }

    void start(int count, ChangePosition from) throws InterruptedException {
        start = from.toString();
        for (int i = 1; i <= count; i++) {
            nodes.put("c" + i, node("c" + i));
        }
        for (TestProcess node : nodes.values()) {
            awaitReady(node);
        }
    }

    /** Little memory: a reader has no more than two batches of it. */
    private TestProcess node(String name) {
        return TestProcess.of(ConsumerNode.class)
                .jvmOptions("-Xmx40m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
                .arguments(server.url(), name, start)
                .start();
    }

    private static void awaitReady(TestProcess node) throws InterruptedException {
        String unused = node.awaitLine("ready"::equals, LIMIT);
    }

    /**
     * Does something to one of them: mostly kills it, and starts it again.
     *
     * @param forLong whether it is to stay away until all is written
     * @return false if there was nobody
     */
    boolean inflict(int number, boolean forLong) throws InterruptedException {
        String name = "c" + (1 + number % nodes.size());
        if (name.equals(away)) {
            return false;
        }
        try (TestProcess node = nodes.get(name)) {
            int kind = number % 5;
            if (kind == 3) {
                // Two of one name: who was there first cannot commit, and leaves.
                nodes.put(name, node(name));
                awaitReady(nodes.get(name));
                assertEquals(ConsumerNode.TAKEN_OVER, node.awaitExit(LIMIT));
            } else {
                if (kind == 4) {
                    node.sigterm();
                    int unused = node.awaitExit(LIMIT);
                } else {
                    node.sigkill();
                }
                if (forLong) {
                    away = name;
                } else {
                    nodes.put(name, node(name));
                    awaitReady(nodes.get(name));
                }
            }
        }
        return true;
    }

    /** Waits until each has read everything. */
    void awaitEnd() throws InterruptedException {
        if (!away.isEmpty()) {
            nodes.put(away, node(away));
        }
        for (Map.Entry<String, TestProcess> node : nodes.entrySet()) {
            int code = node.getValue().awaitExit(END_LIMIT);
            assertEquals(
                    0,
                    code,
                    () -> node.getKey() + ": "
                            + String.join("\n", node.getValue().errorLines()));
        }
    }

    /** Adds what each of them has done, by name. */
    void effects(Map<String, Seqs> to) throws SQLException {
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.setFetchSize(10_000);
            for (String name : nodes.keySet()) {
                Seqs seqs = new Seqs();
                try (ResultSet row = statement.executeQuery(
                        "SELECT s.seq FROM effects AS e, unnest(e.seqs) WITH ORDINALITY AS s (seq, place)"
                                + " WHERE e.consumer = '" + name + "' ORDER BY e.place, s.place")) {
                    while (row.next()) {
                        seqs.add(row.getLong(1));
                    }
                }
                to.put(name, seqs);
            }
        }
    }

    @Override
    public void close() {
        nodes.values().forEach(TestProcess::close);
    }
}
