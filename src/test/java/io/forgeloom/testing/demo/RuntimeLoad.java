package io.forgeloom.testing.demo;

import io.forgeloom.Forge;
import io.forgeloom.ForgeConfig;
import io.forgeloom.ForgeHealth;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.ForgeException;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * One whole runtime beside the load, started as an application does it and asked for its health all the time, as a load balancer
 * does. Started and stopped by one thread; the numbers are safe for use by many.
 */
final class RuntimeLoad implements AutoCloseable {

    private static final String NAME = "forge-demo-runtime";
    private static final Duration PAUSE = Duration.ofMillis(100);
    private static final Duration READY_LIMIT = Duration.ofSeconds(15);

    private static final String REGISTERED = "SELECT count(*) FROM forge_nodes WHERE node_id = ?";

    private final Forge forge;
    private final long startMillis;
    private final Thread asking =
            Thread.ofVirtual().name("forgeloom-demo-health").unstarted(this::ask);
    private final Thread counting =
            Thread.ofVirtual().name("forgeloom-demo-nodes").unstarted(this::countOn);

    private volatile boolean ready = true;
    private volatile long asked;
    private volatile long notReady;
    private volatile long nodes;

    private RuntimeLoad(Forge forge, long startMillis) {
        this.forge = forge;
        this.startMillis = startMillis;
    }

    /** Returns when it is ready, and has made its tables. */
    static RuntimeLoad open(String url) throws InterruptedException {
        DatabaseConfig database = DatabaseConfig.builder(url)
                .poolSize(8)
                .serviceName(NAME)
                .slowStatementThreshold(Duration.ZERO)
                .build();
        long begun = System.nanoTime();
        Forge forge = Forge.start(ForgeConfig.builder(database).nodeId(NAME).build());
        return new RuntimeLoad(forge, millisSince(begun));
    }

    void start() {
        asking.start();
        counting.start();
    }

    private void ask() {
        try {
            while (true) {
                ForgeHealth health = forge.health();
                notReady += health.ready() ? 0 : 1;
                asked++;
                ready = health.ready();
                Thread.sleep(PAUSE);
            }
        } catch (InterruptedException e) {
            // It is being stopped.
            Thread.currentThread().interrupt();
        }
    }

    /** Beside the health: it waits for a connection through an outage, which the health must not miss. */
    private void countOn() {
        try {
            while (true) {
                count();
                Thread.sleep(PAUSE);
            }
        } catch (InterruptedException e) {
            // It is being stopped.
            Thread.currentThread().interrupt();
        }
    }

    private void count() {
        try {
            nodes = forge.nodes().nodes().size();
        } catch (ForgeException e) {
            // The server went in this moment; the next look at the health says so.
        }
    }

    /** For a while: a look waits for a connection for up to two seconds, and the one under way may have begun before. */
    void awaitReady(boolean wanted) throws InterruptedException {
        long deadline = System.nanoTime() + READY_LIMIT.toNanos();
        while (ready != wanted && System.nanoTime() - deadline < 0) {
            Thread.sleep(PAUSE);
        }
    }

    RuntimeFindings findings() {
        return new RuntimeFindings(startMillis, ready, asked, notReady, nodes, -1, 0);
    }

    /** Waits until it is ready again, closes it, and looks whether anything is left. */
    RuntimeFindings stop(Database control) throws InterruptedException, SQLException {
        awaitReady(true);
        RuntimeFindings before = findings();
        long begun = System.nanoTime();
        close();
        long closeMillis = millisSince(begun);
        long left = SessionsLeft.onPrimary(control, NAME) + registered(control);
        return new RuntimeFindings(
                before.startMillis(),
                before.ready(),
                before.asked(),
                before.notReady(),
                before.nodes(),
                closeMillis,
                left);
    }

    private static long registered(Database control) throws SQLException {
        return control.withConnection(connection -> {
            try (PreparedStatement count = connection.prepareStatement(REGISTERED)) {
                count.setString(1, NAME);
                try (ResultSet row = count.executeQuery()) {
                    row.next();
                    return row.getLong(1);
                }
            }
        });
    }

    private static long millisSince(long begun) {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
    }

    /** Doing it again does nothing. */
    @Override
    public void close() {
        asking.interrupt();
        counting.interrupt();
        forge.close();
        boolean interrupted = false;
        while (asking.isAlive() || counting.isAlive()) {
            try {
                asking.join();
                counting.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
