package io.forgeloom.migrate;

import io.forgeloom.error.ForgeException;
import java.io.Serial;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Migration files cannot be read, or are not what they must be. Thrown before anything is applied; all that is wrong is
 * listed at once. Safe for use by many threads.
 */
public final class MigrationFileException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final transient List<Problem> problems;

    MigrationFileException(List<Problem> problems, @Nullable Throwable cause) {
        super(problems.stream().map(Problem::toString).collect(Collectors.joining("\n")), cause);
        this.problems = List.copyOf(problems);
    }

    /** What is wrong, at least one thing, in the order of the files; empty on a copy that was serialized. */
    public List<Problem> problems() {
        // Serialization leaves a transient field null.
        return problems == null ? List.of() : problems;
    }

    /**
     * One thing that is wrong.
     *
     * @param file where the file, or the folder, is: a path or a URL
     * @param line from 1; 0 if it concerns the file as a whole
     * @param problem what is wrong, and the remedy
     */
    public record Problem(String file, int line, String problem) {

        /** {@code file:line: problem}, without a line if there is none. */
        @Override
        public String toString() {
            return file + (line > 0 ? ":" + line : "") + ": " + problem;
        }
    }
}
