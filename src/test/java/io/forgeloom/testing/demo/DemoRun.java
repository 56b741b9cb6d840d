package io.forgeloom.testing.demo;

import io.forgeloom.database.CommitOutcome;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.PoolStats;
import io.forgeloom.database.TransactionId;
import io.forgeloom.testing.PostgresCluster;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

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
    private static final Duration SESSIONS_GONE_LIMIT = Duration.ofSeconds(5);
    private static final long POLL_MILLIS = 50;

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
                view.ready(describe(target, control));
                return run(events, target, control, bank);
            } finally {
                if (target.cluster() == null) {
                    drop(bank, control);
                }
            }
        }
    }

    private Verdict run(Events events, Target target, Database control, Bank bank) throws InterruptedException {
        int late;
        long elapsed;
        Database database = Database.open(poolConfig(target));
        TransferLoad load = new TransferLoad(database, bank, outage, tally);
        try (database;
                Display display = display(events, database)) {
            outage.start();
            load.start(options.threads());
            events.add("started " + options.threads() + " clients");
            display.start();
            try {
                script(events, target);
                events.add("stopping the clients");
                late = load.stop(POOL_TIMEOUT.plusSeconds(5));
                elapsed = outage.elapsedNanos();
                events.add("closing the pool, counting");
            } finally {
                load.cut();
            }
        }
        Findings findings = look(control, bank, load, late, database.primary().stats());
        Verdict verdict = Verdict.of(findings);
        view.print(Report.of(terminal, elapsed, tally, outage, findings, verdict));
        return verdict;
    }

    private Display display(Events events, Database database) {
        return new Display(view, events, outage, tally, database.primary(), totalNanos());
    }

    private long totalNanos() {
        return TimeUnit.SECONDS.toNanos(options.seconds());
    }

    // ---- the phases ----

    private void script(Events events, Target target) throws InterruptedException {
        PostgresCluster cluster = target.cluster();
        if (cluster != null) {
            sleepUntil(totalNanos() / 2);
            killAndRestart(cluster, events);
        }
        sleepUntil(totalNanos());
    }

    private void killAndRestart(PostgresCluster cluster, Events events) throws InterruptedException {
        events.add("killing the server: pg_ctl stop -m immediate");
        outage.killing();
        cluster.primary().kill();
        outage.dead();
        // Long enough to be seen, short enough for the shortest run.
        Thread.sleep(Math.min(1000, options.seconds() * 100L));
        events.add("starting it again on what is on disk");
        outage.restarting();
        cluster.primary().start();
        outage.accepting();
        events.add("the server accepts connections");
        if (outage.awaitFirstCommit(RECOVERY_LIMIT.toNanos(), TimeUnit.NANOSECONDS)) {
            Outage.Times times = outage.times();
            events.add(
                    String.format(Locale.ROOT, "first commit, %.2f s after the kill", times.killToFirstCommit() / 1e9));
            sleepUntil(outage.elapsedNanos() + AFTER_RECOVERY);
        } else {
            events.add("no commit in " + RECOVERY_LIMIT.toSeconds() + " s");
        }
    }

    private void sleepUntil(long elapsedNanos) throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep(elapsedNanos - outage.elapsedNanos());
    }

    // ---- the check ----

    /** The sessions first: once none is left, no transaction is under way whose row is still to come. */
    private Findings look(Database control, Bank bank, TransferLoad load, int late, PoolStats pool)
            throws InterruptedException {
        long left = sessionsLeft(control);
        Reconciliation reconciliation = new Reconciliation(load.journals());
        bank.forEachId(control, reconciliation::found);
        Reconciliation.Result ids = reconciliation.result();
        return new Findings(
                ids,
                bank.audit(control),
                settle(control, load.unsettled(), ids),
                late,
                left,
                pool,
                outage.happened(),
                outage.over());
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

    /** Sessions of the pool that the server has; it notices the end of one a moment after the pool closed it. */
    private long sessionsLeft(Database control) throws InterruptedException {
        long deadline = System.nanoTime() + SESSIONS_GONE_LIMIT.toNanos();
        while (true) {
            long left = control.withConnection(connection -> {
                try (PreparedStatement count = connection.prepareStatement(
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = ?")) {
                    count.setString(1, serviceName);
                    try (ResultSet row = count.executeQuery()) {
                        row.next();
                        return row.getLong(1);
                    }
                }
            });
            if (left == 0 || System.nanoTime() - deadline > 0) {
                return left;
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    // ---- the two databases ----

    private DatabaseConfig poolConfig(Target target) {
        return DatabaseConfig.builder(target.url())
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
                : " embedded, port " + cluster.primary().port() + ", fsync on";
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
