package io.forgeloom.testing.demo;

import io.forgeloom.database.Database;
import io.forgeloom.leader.ElectionNode;
import io.forgeloom.leader.History;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.NodeLog.Cell;
import io.forgeloom.leader.NodeLog.Reign;
import io.forgeloom.leader.NodeProcess;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.testing.demo.LeaderFindings.Takeover;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Three processes that compete for one role and write as leaders; what they remember of earlier leaderships they try, too. The
 * leader is killed, then frozen, then asked to resign. Started and stopped by one thread; the numbers are safe for use by
 * many.
 */
final class LeaderLoad implements AutoCloseable {

    private static final int NODES = 3;
    private static final Duration TAKEOVER_LIMIT = Duration.ofSeconds(15);

    /** Its load leaves such a process little of the machine. */
    private static final Duration SAID_LATELY = Duration.ofMillis(200);

    /** How much longer than a look at the lock takes an earlier leader may believe to lead, when the server drops its session. */
    private static final Duration DROPPED =
            LeaderConfig.DEFAULTS.lockValidateInterval().plusMillis(100);

    private static final int SECONDS_FOR_A_PAUSE = 10;
    private static final long POLL_MILLIS = 2;

    private static final String STALE =
            "SELECT count(*) FROM public.leader_writes" + " WHERE (timeline, term) <> (latest_timeline, latest_term)";

    private final Database control;
    private final String url;
    private final Outage outage;
    private final Events events;
    private final int seconds;

    /** Also those that have ended: what they did counts. */
    private final List<NodeProcess> nodes = new CopyOnWriteArrayList<>();

    private final List<Takeover> takeovers = new CopyOnWriteArrayList<>();
    private final Thread script =
            Thread.ofVirtual().name("forgeloom-demo-leaders").unstarted(this::script);
    private volatile long staleAccepted;
    private volatile @Nullable LeaderFindings atEnd;

    /** When a fault began before which the server had been up again for long; the latest instant if none has yet. */
    private volatile long settledNanos = Long.MAX_VALUE;

    private LeaderLoad(Database control, String url, Outage outage, Events events, int seconds) {
        this.control = control;
        this.url = url;
        this.outage = outage;
        this.events = events;
        this.seconds = seconds;
    }

    /** Makes the tables and starts the processes; returns when one leads. */
    static LeaderLoad open(Database control, String url, Outage outage, Events events, int seconds)
            throws InterruptedException {
        Migrator.builder(control.primary()).build().migrate();
        control.inTransaction(transaction -> {
            try (Statement statement = transaction.connection().createStatement()) {
                return statement.execute(ElectionNode.TABLES);
            }
        });
        LeaderLoad load = new LeaderLoad(control, url, outage, events, seconds);
        try {
            for (int i = 0; i < NODES; i++) {
                load.startNode();
            }
            for (NodeProcess node : load.nodes) {
                NodeProcess unused = node.awaitReady();
            }
            if (load.awaitLeader() == null) {
                throw new IllegalStateException("none of " + NODES + " processes leads after "
                        + TAKEOVER_LIMIT.toSeconds() + " s: "
                        + load.nodes.getFirst().process().errorLines());
            }
            return load;
        } catch (Throwable e) {
            load.close();
            throw e;
        }
    }

    private void startNode() {
        nodes.add(NodeProcess.start("node-" + (nodes.size() + 1), List.of("url=" + url, "pause=20")));
    }

    void start() {
        script.start();
    }

    // ---- what happens to the leader ----

    private void script() {
        try {
            sleepUntil(0.2);
            take("kill -9", NodeProcess::kill);
            startNode();
            if (seconds >= SECONDS_FOR_A_PAUSE) {
                // Well after the kill of the server.
                sleepUntil(0.62);
                take("SIGSTOP", NodeProcess::pause);
            }
            sleepUntil(0.85);
            take("resign", NodeProcess::resign);
        } catch (InterruptedException e) {
            // The demo is being stopped.
            Thread.currentThread().interrupt();
        }
    }

    private interface End {
        void of(NodeProcess leader) throws InterruptedException;
    }

    private void take(String how, End end) throws InterruptedException {
        NodeProcess leader = awaitLeader();
        Reign old = leader == null ? null : leader.latest();
        if (leader == null || old == null) {
            takeovers.add(new Takeover(how, Takeover.NEVER));
            events.add("nobody leads");
            return;
        }
        events.add(how + " for the leader, " + leader.name());
        long asked = System.nanoTime();
        if (outage.over() && settledNanos == Long.MAX_VALUE) {
            settledNanos = asked;
        }
        end.of(leader);
        Reign next = awaitNext(old);
        if (leader.isPaused()) {
            leader.resume();
        }
        if (next == null) {
            takeovers.add(new Takeover(how, Takeover.NEVER));
            events.add("nobody leads after " + TAKEOVER_LIMIT.toSeconds() + " s");
            return;
        }
        // By the process's own clock, which is ours.
        long begun = Math.max(asked, leader.log().get(Cell.RESIGN_BEGUN));
        takeovers.add(new Takeover(how, next.from() - begun));
        events.add(String.format(
                Locale.ROOT,
                "%s leads, %.2f s later, term %d",
                next.node(),
                (next.from() - begun) / 1e9,
                next.token().term()));
        staleAccepted = countStale();
    }

    private @Nullable NodeProcess awaitLeader() throws InterruptedException {
        long begun = System.nanoTime();
        while (System.nanoTime() - begun < TAKEOVER_LIMIT.toNanos()) {
            NodeProcess leader = leader();
            if (leader != null) {
                return leader;
            }
            Thread.sleep(POLL_MILLIS);
        }
        return null;
    }

    private @Nullable Reign awaitNext(Reign old) throws InterruptedException {
        long begun = System.nanoTime();
        while (System.nanoTime() - begun < TAKEOVER_LIMIT.toNanos()) {
            Reign latest = latest();
            if (latest != null && latest.token().compareTo(old.token()) > 0) {
                return latest;
            }
            Thread.sleep(POLL_MILLIS);
        }
        return null;
    }

    private @Nullable NodeProcess leader() {
        for (NodeProcess node : nodes) {
            if (node.led(SAID_LATELY) && !node.isPaused() && node.process().running()) {
                return node;
            }
        }
        return null;
    }

    private @Nullable Reign latest() {
        return nodes.stream()
                .flatMap(node -> node.reigns().stream())
                .max(Comparator.comparing(Reign::token))
                .orElse(null);
    }

    private void sleepUntil(double share) throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep((long) (share * TimeUnit.SECONDS.toNanos(seconds)) - outage.elapsedNanos());
        while (outage.happened() && !outage.over()) {
            Thread.sleep(POLL_MILLIS);
        }
    }

    // ---- what came of it ----

    /** How it stands; after {@link #stop}, how it stood. */
    LeaderFindings findings() {
        LeaderFindings found = atEnd;
        return found == null ? findings(List.of()) : found;
    }

    private LeaderFindings findings(List<String> violations) {
        NodeProcess leader = leader();
        Reign latest = latest();
        return new LeaderFindings(
                List.copyOf(takeovers),
                leader == null ? "" : leader.name(),
                latest == null ? 0 : latest.token().term(),
                sum(Cell.WRITES),
                sum(Cell.WRITES_REFUSED) + sum(Cell.STALE_WRITES_REFUSED),
                staleAccepted,
                violations);
    }

    private long sum(Cell cell) {
        return nodes.stream().mapToLong(node -> node.log().get(cell)).sum();
    }

    private long countStale() {
        return control.withConnection(connection -> {
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(STALE)) {
                row.next();
                return row.getLong(1);
            }
        });
    }

    /**
     * Waits for the last takeover, ends the processes and looks at everything that they did. Until the server was up again after
     * its kill, leaders may overlap as long as one needs to notice that; later never.
     */
    LeaderFindings stop() throws InterruptedException {
        script.join();
        LeaderFindings last = findings();
        atEnd = last;
        History history = new History();
        for (NodeProcess node : nodes) {
            node.process().sigkill();
            history.add(node.reigns());
        }
        history.judgeReigns(nanos -> nanos < settledNanos ? DROPPED : Duration.ZERO);
        control.withConnection(connection -> judge(history, connection));
        staleAccepted = countStale();
        LeaderFindings counted = findings(history.violations());
        return new LeaderFindings(
                counted.takeovers(),
                last.leader(),
                counted.term(),
                counted.writes(),
                counted.staleRefused(),
                counted.staleAccepted(),
                counted.violations());
    }

    private static @Nullable Void judge(History history, Connection connection) throws SQLException {
        history.judgeDatabase(connection);
        return null;
    }

    /** Ends everything at once. */
    @Override
    public void close() {
        script.interrupt();
        boolean interrupted = false;
        while (script.isAlive()) {
            try {
                script.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        nodes.forEach(NodeProcess::close);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
