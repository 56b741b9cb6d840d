package io.forgeloom.cli;

import io.forgeloom.changelog.ChangePosition;
import io.forgeloom.changelog.ConsumerOptions.WhenBehind;
import io.forgeloom.cli.FollowTask.From;
import io.forgeloom.error.ConfigurationException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code forge changes follow}: what was committed to tracked tables, as it is committed, until it is stopped. */
@Command(
        name = "follow",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Shows each committed change of tracked tables, one line a row, until it is stopped.",
        description = "%nThose of one row of a table in the order of their commits. It reconnects by itself, and goes"
                + " on where it was.%n",
        footerHeading = "%nLines:%n",
        footer = {
            "  SEQ AT OP TABLE ROW_ID (CHANGED COLUMNS)   control characters escaped",
            "  (resync: CAUSE ...)  rows were trimmed unseen, or this is another history:",
            "                       read the tables anew. It goes on by itself with all that",
            "                       is committed after the line was made.",
            "",
            "JSON: {\"position\":...,\"seq\":...,\"table\":...,\"op\":...,\"row_id\":...,",
            "\"changed\":[...],\"at\":...}, {\"type\":\"resync\",\"cause\":...,\"message\":...,",
            "\"position\":...}. A key of several columns is a JSON array of texts in row_id;",
            "what tells of a whole statement has null; changed is null where it is not known.",
            "--from with the position of a row goes on right behind it.",
            "",
            "A consumer commits after its lines were written and flushed: stopped at any",
            "point it prints each row at least once, and the last ones perhaps again. What",
            "the reader of a pipe does with them it does not know.",
            "",
            "Exit code: 0 stopped by SIGINT or SIGTERM, nobody reads the output any more, or",
            "--limit is reached; 1 the log cannot be read, or another process has taken the",
            "consumer over; 2 the command line or a URL cannot be used, or forge_change_log",
            "is not there."
        })
final class ChangesFollowCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Mixin
    private final StayOptions stay = new StayOptions();

    @Mixin
    private final SchemaOption schema = new SchemaOption();

    @Option(
            names = "--from",
            paramLabel = "start|now|POSITION",
            description = "Where to begin: with the oldest row of the log, behind all that is committed, or behind a"
                    + " position. Defaults to now. A consumer that is known goes on where it committed instead.")
    private @Nullable String from;

    @Option(names = "--table", paramLabel = "TABLE", description = "Only of this table; may be given several times.")
    private List<String> tables = new ArrayList<>();

    @Option(
            names = "--consumer",
            paramLabel = "NAME",
            description = "Goes on where the consumer of that name committed, takes the name over, and commits.")
    private @Nullable String consumer;

    @Option(
            names = "--when-behind",
            paramLabel = "hold|evict",
            description = "Whether rows that the consumer has not seen stay, and the log grows, or go in their time."
                    + " Defaults to what it was, hold if it is new; forge changes drop-consumer ends it.")
    private @Nullable String whenBehind;

    @Option(names = "--limit", paramLabel = "N", description = "Ends after N rows.")
    private @Nullable Long limit;

    @Option(names = "--json", description = "Prints one JSON object a line.")
    private boolean json;

    @Mixin
    private final CommonOptions common = new CommonOptions();

    ChangesFollowCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        if (limit != null && limit < 1) {
            throw new ConfigurationException("--limit", limit + " is not 1 or more");
        }
        tables.forEach(table -> NotifyCommand.requireNoUrl("--table", table));
        FollowTask task = new FollowTask(
                // The bus has one session, the reader another, and one is to spare.
                stay.config(surroundings, "forge changes").poolSize(3).build(),
                schema.identifier(),
                new FollowTask.Wanted(from(), tables, consumer(), whenBehind(), limit == null ? Long.MAX_VALUE : limit),
                new ChangeLine(json),
                common.out(),
                common.err());
        try (StoppableTask running = StoppableTask.start("forgeloom-changes", task)) {
            running.await(() -> {});
            task.requireSuccess();
            running.signalIsSuccess();
            return CommandLine.ExitCode.OK;
        }
    }

    private @Nullable From from() {
        if (from == null) {
            return null;
        }
        return switch (from) {
            case "start" -> new From.Start();
            case "now" -> new From.Now();
            default -> {
                NotifyCommand.requireNoUrl("--from", from);
                try {
                    yield new From.At(ChangePosition.parse(from));
                } catch (ConfigurationException e) {
                    throw new ConfigurationException("--from", "is start, now, or the position of a row");
                }
            }
        };
    }

    private @Nullable String consumer() {
        if (consumer != null) {
            NotifyCommand.requireNoUrl("--consumer", consumer);
            return MigrateCommand.identifier("--consumer", consumer).name();
        }
        if (whenBehind != null) {
            throw new ConfigurationException("--when-behind", "is for --consumer, which is missing");
        }
        return null;
    }

    private @Nullable WhenBehind whenBehind() {
        if (whenBehind == null) {
            return null;
        }
        return switch (whenBehind) {
            case "hold" -> WhenBehind.HOLD;
            case "evict" -> WhenBehind.EVICT;
            default -> throw new ConfigurationException("--when-behind", "is hold or evict");
        };
    }
}
