package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.cli.MigrateTask.Mode;
import io.forgeloom.database.ConnectionPool;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.migrate.MigrationSource;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.migrate.SchemaDrift;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code forge migrate}: brings a database to where the migration files are, or tells how the two stand to each other. */
@Command(
        name = "migrate",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Applies migrations: Forgeloom's own, then those of a directory.",
        description = "%nEach file once, in order, never back; many may start it at the same time.%n",
        footerHeading = "%nFiles:%n",
        footer = {
            "  0001_create_account.sql, 0002_add_index.sql, ...: numbers from 1 without a",
            "  gap, of one width. A file runs in one transaction, unless a comment at its",
            "  beginning says: -- @transactional false. Then it has one statement.",
            "  A file that was applied stays as it is; a change is a new file.",
            "",
            "States: unchanged; pending; drifted: the file is not the one that was",
            "applied; source missing: there is no such file; unfinished: a file without",
            "a transaction was begun, and the next run finishes it.",
            "",
            "Exit code: 0 done, or nothing to do; 1 refused or failed; 2 the command line",
            "or a URL cannot be read. With --status and --dry-run 1 says that a run would",
            "be refused. Killed at any point, it goes on where it was when run again.",
            "",
            "JSON: {\"ok\":...,\"applied\":[{\"version\":...,\"millis\":...,\"file\":...,",
            "\"statements\":...,\"checksum\":...,\"appliedAt\":...}],\"alreadyApplied\":...,",
            "\"pending\":[{\"version\":...,\"state\":...,\"file\":...,\"statements\":...,",
            "\"checksum\":...}],\"schemaChanges\":[...],\"problems\":[{\"version\":...,",
            "\"file\":...,\"line\":...,\"problem\":...,\"remedy\":...}],\"millis\":...}",
            "with null for what is not known; --status has \"migrations\", with",
            "\"appliedChecksum\", in the place of the first three."
        })
final class MigrateCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Mixin
    private final PrimaryOptions primary = new PrimaryOptions();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "How long opening a session may take, 1 to 3600. Defaults to 10.")
    private int timeoutSeconds = 10;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "The directory of your migrations. Without it only Forgeloom's own are applied.")
    private @Nullable Path directory;

    @Option(
            names = "--name",
            paramLabel = "NAME",
            description = "The name of your list, where several applications share a database.")
    private @Nullable String name;

    @Option(
            names = "--schema",
            paramLabel = "SCHEMA",
            description =
                    "Where Forgeloom's tables are; made if it is not there. Defaults to the session's current schema.")
    private @Nullable String schema;

    @Option(names = "--status", description = "Shows the state of each migration, and changes nothing.")
    private boolean status;

    @Option(names = "--dry-run", description = "Shows what would be applied, and changes nothing.")
    private boolean dryRun;

    @Option(
            names = "--wait",
            paramLabel = "SECONDS",
            description = "How long to wait while another run is at work, 0 to 86400. Defaults to 300.")
    private int waitSeconds = 300;

    @Option(
            names = "--drift",
            paramLabel = "warn|fail|ignore",
            description = "What to do about a schema that was changed by hand. Defaults to warn.")
    private SchemaDrift drift = SchemaDrift.WARN;

    @Option(names = "--json", description = "Prints one JSON object instead of text.")
    private boolean json;

    @Mixin
    private final CommonOptions common = new CommonOptions();

    MigrateCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        Duration timeout = Duration.ofSeconds(requireBetween("--timeout", timeoutSeconds, 1, 3600));
        requireBetween("--wait", waitSeconds, 0, 86_400);
        Mode mode = mode();
        if (name != null && directory == null) {
            throw new ConfigurationException("--name", "names the migrations of --dir, which is missing");
        }
        @Nullable Identifier home = schema == null ? null : identifier("--schema", schema);
        DatabaseConfig config = config(timeout);
        PrintWriter out = common.out();
        MigrateProgress progress = new MigrateProgress(
                out, json || mode != Mode.RUN ? 0 : surroundings.columns(), surroundings.unicode(), System::nanoTime);
        MigrateTask task =
                new MigrateTask(config, mode, json, pool -> migrator(pool, home), json ? MigrateTask.SILENT : progress);
        try (StoppableTask running = StoppableTask.start("forgeloom-migrate", task)) {
            running.await(progress::tick);
            progress.end();
            MigrateOutcome outcome = task.outcome();
            if (json) {
                out.println(MigrateJson.of(outcome, mode));
            } else {
                new MigrateReport(out, common.err(), surroundings.unicode()).print(outcome, mode);
            }
            if (common.verbose() && outcome.cause() != null) {
                outcome.cause().printStackTrace(common.err());
            }
            return outcome.ok() ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
        }
    }

    private Mode mode() {
        if (status && dryRun) {
            throw new ConfigurationException("--dry-run", "and --status exclude each other");
        }
        return status ? Mode.STATUS : dryRun ? Mode.DRY_RUN : Mode.RUN;
    }

    /** Its one session is the migrator's; the pool's control session comes beside it where a session must be ended. */
    private DatabaseConfig config(Duration timeout) {
        return primary.config(surroundings)
                .poolSize(1)
                .connectTimeout(timeout)
                .poolTimeout(timeout)
                .serviceName("forge migrate")
                .build();
    }

    private Migrator.Builder migrator(ConnectionPool pool, @Nullable Identifier home) {
        Migrator.Builder migrator =
                Migrator.builder(pool).lockWait(Duration.ofSeconds(waitSeconds)).schemaDrift(drift);
        if (home != null) {
            migrator.schema(home);
        }
        if (directory != null && name != null) {
            named(migrator, name, MigrationSource.directory(directory));
        } else if (directory != null) {
            migrator.migrations(MigrationSource.directory(directory));
        }
        return migrator;
    }

    private static void named(Migrator.Builder migrator, String name, MigrationSource source) {
        try {
            migrator.named(name, source);
        } catch (ConfigurationException e) {
            throw renamed("--name", e);
        }
    }

    /** A name of a command line; the message names the option. */
    static Identifier identifier(String option, String name) {
        try {
            return new Identifier(name);
        } catch (ConfigurationException e) {
            throw renamed(option, e);
        }
    }

    /** The same problem, of the option that the user gave. */
    static ConfigurationException renamed(String option, ConfigurationException problem) {
        return new ConfigurationException(option, problem(problem));
    }

    /** What is wrong, without the option's name. */
    static String problem(ConfigurationException thrown) {
        return String.valueOf(thrown.getMessage()).substring(thrown.option().length() + ": ".length());
    }
}
