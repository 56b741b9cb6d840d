package io.forgeloom.cli;

import io.forgeloom.cli.MigrateOutcome.Problem;
import io.forgeloom.database.ConnectionPool;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.DeadlineExceededException;
import io.forgeloom.error.ForgeException;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.migrate.MigrationEvent;
import io.forgeloom.migrate.MigrationException;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.migrate.MigrationFileException;
import io.forgeloom.migrate.MigrationResult;
import io.forgeloom.migrate.MigrationStatus;
import io.forgeloom.migrate.Migrator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What {@code forge migrate} does, and how that ended; an interrupt stops it. Run once, read after it was joined. */
final class MigrateTask implements Runnable {

    /** Which of its three things the command does. */
    enum Mode {
        RUN,
        STATUS,
        DRY_RUN
    }

    static final Consumer<MigrationEvent> SILENT = event -> {};

    private final DatabaseConfig config;
    private final Mode mode;
    private final boolean statusAfterwards;
    private final Function<ConnectionPool, Migrator.Builder> migrators;
    private final Consumer<MigrationEvent> listener;

    private final Map<String, Duration> applied = new LinkedHashMap<>();
    private final List<String> schemaChanges = new ArrayList<>();
    private final List<Problem> problems = new ArrayList<>();
    private final long begun = System.nanoTime();
    private @Nullable Integer alreadyApplied;
    private @Nullable MigrationStatus status;
    private @Nullable Throwable cause;
    private boolean interrupted;

    /** Not of the database or the files; for whoever asks for the outcome. */
    private @Nullable RuntimeException unexpected;

    /** @param statusAfterwards whether a run is to end with a look at all migrations */
    MigrateTask(
            DatabaseConfig config,
            Mode mode,
            boolean statusAfterwards,
            Function<ConnectionPool, Migrator.Builder> migrators,
            Consumer<MigrationEvent> listener) {
        this.config = config;
        this.mode = mode;
        this.statusAfterwards = statusAfterwards;
        this.migrators = migrators;
        this.listener = listener;
    }

    /** @throws ConfigurationException if an option was found wrong on the way */
    MigrateOutcome outcome() {
        if (unexpected != null) {
            throw unexpected;
        }
        return new MigrateOutcome(
                applied,
                alreadyApplied,
                status,
                schemaChanges,
                problems,
                interrupted,
                Duration.ofNanos(System.nanoTime() - begun),
                cause);
    }

    @Override
    public void run() {
        Deadline connected = Deadline.after(config.connectTimeout());
        try (Database database = Database.open(config)) {
            work(migrators.apply(database.primary()).listener(this::hear).build());
        } catch (DatabaseException e) {
            List<Finding> findings = connected.expired()
                    ? List.of(ConnectFailure.tooLate(config.connectTimeout()))
                    : ConnectFailure.explain(e.sqlException());
            findings.forEach(finding -> add(finding, e));
        } catch (DeadlineExceededException e) {
            add(ConnectFailure.tooLate(config.connectTimeout()), e);
        } catch (CancellationException e) {
            interrupted = true;
            fail(Problem.of("interrupted while connecting"), e);
        } catch (ConfigurationException e) {
            unexpected = e;
        } catch (ForgeException e) {
            fail(Problem.of(String.valueOf(e.getMessage())), e);
        } catch (RuntimeException e) {
            unexpected = e;
        }
    }

    private void work(Migrator migrator) {
        try {
            if (mode == Mode.RUN) {
                MigrationResult result = migrator.migrate();
                alreadyApplied = result.alreadyApplied();
            } else {
                look(migrator);
            }
        } catch (MigrationFileException e) {
            cause = e;
            e.problems()
                    .forEach(problem -> problems.add(
                            new Problem(null, problem.file(), problem.line(), problem.problem(), null, null)));
        } catch (MigrationException e) {
            interrupted = e.reason() == Reason.INTERRUPTED;
            cause = e;
            e.problems().forEach(text -> problems.add(problem(e, text)));
            if (e.reason() == Reason.SCHEMA_CHANGED) {
                Problem last = problems.removeLast();
                problems.add(new Problem(
                        null,
                        null,
                        0,
                        last.text(),
                        "put it back, or accept it: the next migration that is applied with --drift warn takes it for right",
                        null));
            }
        }
        if (mode == Mode.RUN && statusAfterwards && !(cause instanceof MigrationFileException) && !interrupted) {
            try {
                status = migrator.status();
            } catch (ForgeException e) {
                // Nobody can say, then; the run itself ended as it did.
                status = null;
            }
        }
    }

    private void look(Migrator migrator) {
        MigrationStatus found = migrator.status();
        status = found;
        alreadyApplied = found.entries().size() - found.pending().size();
        schemaChanges.addAll(found.schemaChanges());
        found.problems().forEach(text -> problems.add(Problem.of(text)));
    }

    private static Problem problem(MigrationException e, String text) {
        @Nullable String file = e.file();
        if (file == null) {
            return Problem.of(text);
        }
        // The text begins with the place.
        String place = file + (e.line() > 0 ? ":" + e.line() : "") + ": ";
        // How an interrupt ends a wait for the server is the driver's affair, and reads like a fault of the network.
        String what = e.reason() == Reason.INTERRUPTED ? "interrupted" : text.substring(place.length());
        return new Problem(e.version(), file, e.line(), what, null, e.excerpt());
    }

    private void add(Finding finding, Throwable thrown) {
        fail(new Problem(null, null, 0, finding.check() + ": " + finding.detail(), finding.remedy(), null), thrown);
    }

    private void fail(Problem problem, Throwable thrown) {
        problems.add(problem);
        cause = thrown;
    }

    private void hear(MigrationEvent event) {
        if (event instanceof MigrationEvent.Applied done) {
            applied.put(done.version(), done.took());
        } else if (event instanceof MigrationEvent.SchemaChanged change) {
            schemaChanges.add(change.difference());
        }
        listener.accept(event);
    }
}
