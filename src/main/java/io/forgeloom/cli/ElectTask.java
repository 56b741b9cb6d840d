package io.forgeloom.cli;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.LeaderEvent;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.migrate.MigrationException;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.migrate.SchemaDrift;
import io.forgeloom.notify.NotifyBus;
import java.io.PrintWriter;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/** What {@code forge elect} does; an interrupt ends it, with the role resigned and all closed. Run once, read after it was joined. */
final class ElectTask implements Runnable {

    private final DatabaseConfig config;
    private final LeaderConfig leaderConfig;
    private final LeaderRole role;
    private final boolean migrates;
    private final ElectLine line;
    private final PrintWriter out;
    private final @Nullable ElectBody body;

    /** Completed with the exit code when there is nothing left to campaign for. */
    private final CompletableFuture<Integer> done;

    private @Nullable RuntimeException failure;

    /** @param body what a leader does; null to tell only */
    ElectTask(
            DatabaseConfig config,
            LeaderConfig leaderConfig,
            LeaderRole role,
            boolean migrates,
            ElectLine line,
            PrintWriter out,
            @Nullable ElectBody body) {
        this.config = config;
        this.leaderConfig = leaderConfig;
        this.role = role;
        this.migrates = migrates;
        this.line = line;
        this.out = out;
        this.body = body;
        this.done = body == null ? new CompletableFuture<>() : body.exited();
    }

    /**
     * The exit code: the command's, where that has ended by itself, or 0.
     *
     * @throws RuntimeException what it failed with, if it did
     */
    int exitCode() {
        if (failure != null) {
            throw failure;
        }
        return done.getNow(0);
    }

    @Override
    public void run() {
        try (Database database = Database.open(config)) {
            prepare(database);
            campaign(database);
        } catch (CancellationException e) {
            // Stopped while it connected.
            failure = null;
        } catch (MigrationException e) {
            failure = e.reason() == MigrationException.Reason.INTERRUPTED ? null : e;
        } catch (RuntimeException e) {
            failure = e;
        }
    }

    /** Of our own migrations only; what else is in the database, and how it has come there, is no concern of an election. */
    private void prepare(Database database) {
        if (migrates) {
            Migrator.Builder migrator = Migrator.builder(database.primary()).schemaDrift(SchemaDrift.IGNORE);
            @Nullable Identifier schema = leaderConfig.schema();
            if (schema != null) {
                migrator.schema(schema);
            }
            var unused = migrator.build().migrate();
            return;
        }
        try {
            var unused = LeaderElection.leaders(database, leaderConfig);
        } catch (ConfigurationException e) {
            throw new ConfigurationException("--no-migrate", MigrateCommand.problem(e));
        }
    }

    /** The interrupt ends in here, so that what follows, which gives the role back and closes all, is not hurried by it. */
    private void campaign(Database database) {
        try (NotifyBus bus = NotifyBus.of(database);
                LeaderElection election = LeaderElection.of(database, bus, leaderConfig, role)) {
            election.onEvent(this::tell);
            if (body != null) {
                election.whileLeader(role, body);
            }
            say(line.standby(role));
            bus.start();
            election.start();
            try {
                done.get();
            } catch (InterruptedException e) {
                // The usual end: SIGINT or SIGTERM.
                stopBody();
            } catch (ExecutionException e) {
                throw new IllegalStateException("it has no failure", e);
            }
        }
    }

    private void stopBody() {
        try {
            if (body != null) {
                body.stop();
            }
        } catch (InterruptedException e) {
            // A second signal cannot be; whatever it is, the election's close ends the command.
            return;
        }
    }

    private void tell(LeaderEvent event) {
        say(line.of(event));
        if (event instanceof LeaderEvent.Lost) {
            say(line.standby(role));
        }
    }

    private void say(String text) {
        out.println(text);
        // Flushes, and is true once nobody reads any more. A command goes on without readers.
        if (out.checkError() && body == null) {
            done.complete(0);
        }
    }
}
