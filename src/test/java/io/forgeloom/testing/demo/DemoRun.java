package io.forgeloom.testing.demo;

import io.forgeloom.database.CommitOutcome;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.PoolStats;
import io.forgeloom.database.ReplicaOptions;
import io.forgeloom.database.ReplicaStatus;
import io.forgeloom.database.TransactionId;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The script of the demo: start, load, kill, restart, stop, check, report. Runs once, on one thread; an interrupt ends it
 * early, with everything closed.
 */
final class DemoRun {

    private static final Duration POOL_TIMEOUT = Duration.ofSeconds(30);

    /** Crash recovery replays what was written since the last checkpoint: seconds, after an hour of load. */
    private static final Duration RECOVERY_LIMIT = Duration.ofSeconds(60);

    private static final Duration SETTLE_LIMIT = Duration.ofSeconds(10);
    private static final Duration AUDIT_LIMIT = Duration.ofMinutes(10);
    private static final Duration STOP_LIMIT = POOL_TIMEOUT.plusSeconds(5);

    /** A replica that hangs is found and missed for some seconds, which the shortest run has not. */
    private static final int SECONDS_FOR_ALL_FAULTS = 10;

    // While the primary cannot be asked, what is known of the lag gets too old after three of these intervals: reads
    // wait for the primary for what is left of the outage.
    private static final ReplicaOptions REPLICAS = ReplicaOptions.builder()
            .probeInterval(Duration.ofMillis(500))
            .maxLagBytes(1 << 20)
            .build();

    /** What shall be seen of the load after the server is back. */
    private static final long AFTER_RECOVERY = TimeUnit.SECONDS.toNanos(1);

    private final DemoOptions options;
    private final Terminal terminal;
    private final View view;
    private final Outage outage = new Outage();
    private final Tally tally = new Tally();
    private final String serviceName =
            "forge-demo-" + Integer.toString(ThreadLocalRandom.current().nextInt(Integer.MAX_VALUE), 36);

    DemoRun(DemoOptions options, Terminal terminal, View view) {
        this.options = options;
        this.terminal = terminal;
        this.view = view;
    }

    /** All of it. */
    Verdict run() throws InterruptedException, SQLException {
        try (Events events = new Events(outage);
                Target target = Target.open(options, view::starting);
                Database control = Database.open(controlConfig(target))) {
            Bank bank = Bank.create(control);
            try {
                if (target.cluster() == null) {
                    view.ready(describe(target, control));
                    return run(events, target, control, bank, null);
                }
                view.starting("Starting a runtime, and three processes that compete to lead", 1);
                try (Tour tour = Tour.open(control, target.url(), outage, events, options.seconds())) {
                    view.ready(describe(target, control));
                    return run(events, target, control, bank, tour);
                }
            } finally {
                if (target.cluster() == null) {
                    drop(bank, control);
                }
            }
        }
    }

    private Verdict run(Events events, Target target, Database control, Bank bank, @Nullable Tour tour)
            throws InterruptedException, SQLException {
        int late;
        long elapsed;
        ReadTally reads = new ReadTally(
                target.servers().stream().map(PostgresServer::name).toList());
        Database database = Database.open(poolConfig(target));
        TransferLoad transfers = new TransferLoad(database, bank, outage, tally);
        ReadLoad readers = new ReadLoad(database, bank, tally, reads, target.servers());
        BusFindings notified = BusFindings.NONE;
        Tour.Findings toured = Tour.Findings.NONE;
        // The bus takes a connection for itself.
        @Nullable BusLoad bus = options.pool() == 1 ? null : new BusLoad(database, bank, tally, serviceName);
        try (database;
                bus;
                Display display = new Display(view, events, outage, tally, reads, database, bus, tour, totalNanos())) {
            if (bus != null) {
                bus.start(options.threads() + options.readers());
            }
            outage.start();
            if (tour != null) {
                tour.start();
            }
            transfers.start(options.threads());
            readers.start(options.readers(), options.threads());
            events.add("started " + options.threads() + " clients"
                    + (options.readers() == 0 ? "" : " and " + options.readers() + " readers"));
            display.start();
            try {
                script(events, target, database, control, reads, bus, tour);
                if (tour != null) {
                    toured = tour.stop(control);
                }
                events.add("stopping the clients");
                late = transfers.stop(STOP_LIMIT) + readers.stop(STOP_LIMIT);
                if (bus != null) {
                    late += bus.stop(STOP_LIMIT);
                    notified = bus.findings(true);
                }
                elapsed = outage.elapsedNanos();
                events.add("closing the pool, counting");
            } finally {
                transfers.cut();
                readers.cut();
                if (bus != null) {
                    bus.cut();
                }
            }
        }
        List<Journal> journals = new ArrayList<>(transfers.journals());
        journals.addAll(readers.journals());
        if (bus != null) {
            journals.addAll(bus.journals());
        }
        ReadFindings read = options.readers() == 0
                ? ReadFindings.NONE
                : ReadFindings.of(
                        reads,
                        database.replicas().stream().map(ReplicaStatus::pool).toList(),
                        SessionsLeft.on(target.replicas(), serviceName));
        Findings findings = look(
                control,
                bank,
                journals,
                transfers.unsettled(),
                late,
                database.primary().stats(),
                read,
                notified,
                toured);
        Verdict verdict = Verdict.of(findings);
        view.report(
                terminal.live()
                        ? Report.screen(terminal, elapsed, tally, findings, verdict)
                        : Report.of(terminal, elapsed, tally, reads, outage, findings, verdict));
        return verdict;
    }

    private long totalNanos() {
        return TimeUnit.SECONDS.toNanos(options.seconds());
    }

    // ---- the phases ----

    private void script(
            Events events,
            Target target,
            Database database,
            Database control,
            ReadTally reads,
            @Nullable BusLoad bus,
            @Nullable Tour tour)
            throws InterruptedException, SQLException {
        PostgresCluster cluster = target.cluster();
        if (cluster == null || tour == null) {
            sleepUntil(totalNanos());
            return;
        }
        if (options.readers() == 0) {
            killListener(events, control, bus);
            sleepUntil(totalNanos() / 2);
            killAndRestart(cluster, tour, events, reads);
        } else {
            ReplicaScript replicas = new ReplicaScript(database, cluster, reads, events);
            sleepUntil(totalNanos() / 10);
            replicas.kill(0, pause());
            killListener(events, control, bus);
            sleepUntil(totalNanos() / 3);
            replicas.pauseReplay(1, Duration.ofMillis(Math.min(3000, options.seconds() * 150L)));
            sleepUntil(totalNanos() / 2);
            killAndRestart(cluster, tour, events, reads);
            if (options.seconds() >= SECONDS_FOR_ALL_FAULTS) {
                sleepUntil(totalNanos() * 3 / 4);
                replicas.stop(1, pause());
            }
        }
        sleepUntil(totalNanos());
    }

    /** {@code pg_terminate_backend}, as an operator or a fail-over would. */
    private void killListener(Events events, Database control, @Nullable BusLoad bus) throws InterruptedException {
        if (bus == null) {
            return;
        }
        long generation = bus.findings(false).generation();
        events.add("killing the backend that listens");
        control.withConnection(connection -> {
            try (PreparedStatement kill = connection.prepareStatement("SELECT pg_terminate_backend(pid)"
                    + " FROM pg_stat_activity WHERE application_name = ? AND query LIKE '%pg_listening_channels%'")) {
                kill.setString(1, serviceName);
                return kill.execute();
            }
        });
        events.add(bus.awaitGeneration(generation + 1) ? "the bus listens again" : "the bus does not listen again");
    }

    /** Long enough to be seen, short enough for the shortest run. */
    private Duration pause() {
        return Duration.ofMillis(Math.min(1000, options.seconds() * 100L));
    }

    private void killAndRestart(PostgresCluster cluster, Tour tour, Events events, ReadTally reads)
            throws InterruptedException {
        events.add("killing the server: pg_ctl stop -m immediate");
        Fault fault = reads.begin(0, Fault.Kind.PRIMARY_KILLED);
        outage.killing();
        cluster.primary().kill();
        outage.dead();
        reads.harmed(fault);
        Thread.sleep(pause());
        // An outage that is over while the health waits for a connection is none to it.
        tour.runtime().awaitReady(false);
        events.add("starting it again on what is on disk");
        outage.restarting();
        cluster.primary().start();
        outage.accepting();
        fault.healed();
        events.add("the server accepts connections");
        if (outage.awaitFirstCommit(RECOVERY_LIMIT.toNanos(), TimeUnit.NANOSECONDS)) {
            reads.back(fault);
            Outage.Times times = outage.times();
            events.add(
                    String.format(Locale.ROOT, "first commit, %.2f s after the kill", times.killToFirstCommit() / 1e9));
            sleepUntil(outage.elapsedNanos() + AFTER_RECOVERY);
        } else {
            events.add("no commit in " + RECOVERY_LIMIT.toSeconds() + " s");
        }
        reads.end();
    }

    private void sleepUntil(long elapsedNanos) throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep(elapsedNanos - outage.elapsedNanos());
    }

    // ---- the check ----

    /** The sessions first: once none is left, no transaction is under way whose row is still to come. */
    private Findings look(
            Database control,
            Bank bank,
            List<Journal> journals,
            Map<Long, TransactionId> unsettled,
            int late,
            PoolStats pool,
            ReadFindings reads,
            BusFindings notified,
            Tour.Findings toured)
            throws InterruptedException, SQLException {
        long left = SessionsLeft.onPrimary(control, serviceName);
        Reconciliation reconciliation = new Reconciliation(journals);
        bank.forEachId(control, reconciliation::found);
        Reconciliation.Result ids = reconciliation.result();
        return new Findings(
                ids,
                bank.audit(control),
                settle(control, unsettled, ids),
                late,
                left,
                pool,
                outage.happened(),
                outage.over(),
                reads,
                notified,
                toured.leader(),
                toured.changes(),
                toured.runtime());
    }

    private static Findings.Settled settle(
            Database control, Map<Long, TransactionId> unsettled, Reconciliation.Result ids) {
        int committed = 0;
        int rolledBack = 0;
        int open = 0;
        int disagreeing = 0;
        for (Map.Entry<Long, TransactionId> entry : unsettled.entrySet()) {
            boolean there = ids.unknownCommitted().contains(entry.getKey());
            CommitOutcome outcome = control.commitOutcome(entry.getValue(), SETTLE_LIMIT);
            switch (outcome) {
                case COMMITTED -> committed++;
                case ROLLED_BACK -> rolledBack++;
                case UNKNOWN -> open++;
            }
            if (outcome != CommitOutcome.UNKNOWN && there != (outcome == CommitOutcome.COMMITTED)) {
                disagreeing++;
            }
        }
        return new Findings.Settled(committed, rolledBack, open, disagreeing);
    }

    // ---- the two databases ----

    private DatabaseConfig poolConfig(Target target) {
        return DatabaseConfig.builder(target.url())
                .replicaUrls(target.replicas().stream().map(PostgresServer::url).toList())
                .readFromReplica(!target.replicas().isEmpty())
                .replicaOptions(REPLICAS)
                .poolSize(options.pool())
                .poolTimeout(POOL_TIMEOUT)
                .serviceName(serviceName)
                // A slow disk makes hundreds of slow statements, and the view has one line for the log.
                .slowStatementThreshold(Duration.ZERO)
                .build();
    }

    /** For what is not load: tables, checks, clean-up. Its sessions have another name, so that they are not counted. */
    private static DatabaseConfig controlConfig(Target target) {
        return DatabaseConfig.builder(target.url())
                .poolSize(2)
                .serviceName("forge-demo-control")
                .statementTimeout(AUDIT_LIMIT)
                .slowStatementThreshold(Duration.ZERO)
                .build();
    }

    private String describe(Target target, Database control) {
        String version =
                control.withConnection(connection -> connection.getMetaData().getDatabaseProductVersion());
        PostgresCluster cluster = target.cluster();
        String where = cluster == null
                ? ", yours: no kill"
                : " embedded, port " + cluster.primary().port() + ", fsync on"
                        + (options.readers() == 0 ? "" : ", 2 replicas");
        return String.format(
                Locale.ROOT,
                "PostgreSQL %s%s; %d threads, %d connections",
                version.replaceFirst(" .*", ""),
                where,
                options.threads(),
                options.pool());
    }

    /** Also after a signal: the interrupt is put aside, since it would close the connection that is needed here. */
    private void drop(Bank bank, Database control) {
        boolean interrupted = Thread.interrupted();
        try {
            bank.drop(control);
        } catch (RuntimeException e) {
            view.print(List.of("demo: " + bank + " could not be dropped: " + e.getMessage()));
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
