package io.forgeloom.cli;

import io.forgeloom.migrate.MigrationException;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.migrate.MigrationFileException;
import io.forgeloom.migrate.MigrationStatus;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How a command ended.
 *
 * @param applied by this run, in order, and how long each took; also where the run failed later
 * @param alreadyApplied null if that is not known
 * @param status as it is now; null if that is not known
 * @param schemaChanges one object each
 * @param problems why the exit code is 1; empty if it is 0
 * @param interrupted by a signal
 * @param cause what was thrown, for {@code --verbose}
 */
record MigrateOutcome(
        Map<String, Duration> applied,
        @Nullable Integer alreadyApplied,
        @Nullable MigrationStatus status,
        List<String> schemaChanges,
        List<Problem> problems,
        boolean interrupted,
        Duration took,
        @Nullable Throwable cause) {

    /** The driver says the place of an error in the statement; file and line are said better elsewhere. */
    private static final Pattern POSITION = Pattern.compile("\\R\\s*Position: \\d+");

    /** A server's answer could hold the escape codes of a terminal. */
    private static final Pattern CONTROL = Pattern.compile("[\\p{Cc}&&[^\\n]]");

    boolean ok() {
        return problems.isEmpty();
    }

    /** Whether nothing was begun, for the files or for what they were held against. */
    boolean refused() {
        return cause instanceof MigrationFileException
                || (cause instanceof MigrationException migration
                        && (migration.reason() == Reason.DIVERGED || migration.reason() == Reason.SCHEMA_CHANGED));
    }

    /**
     * One reason for exit code 1.
     *
     * @param version the migration that it is about; null if none
     * @param file where that is; null if none
     * @param line 0 if none
     * @param text what is wrong; of several lines where the server's answer was
     * @param remedy null if the text has it, or there is none
     * @param excerpt the place in the file, with a caret below it; null if there is none
     */
    record Problem(
            @Nullable String version,
            @Nullable String file,
            int line,
            String text,
            @Nullable String remedy,
            @Nullable String excerpt) {

        Problem {
            text = CONTROL.matcher(POSITION.matcher(text).replaceAll("")).replaceAll(" ");
        }

        static Problem of(String text) {
            return new Problem(null, null, 0, text, null, null);
        }

        /** {@code file:line: text}. */
        @Override
        public String toString() {
            return file == null ? text : file + (line > 0 ? ":" + line : "") + ": " + text;
        }
    }
}
