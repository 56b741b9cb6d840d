package io.forgeloom.cli;

import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What one check found. Immutable, safe for use by many threads.
 *
 * @param check the check's name, such as {@code version}
 * @param severity whether it is sound
 * @param detail what there is, with numbers
 * @param remedy what to do about it; null exactly if there is nothing to do
 * @param cause what was thrown, for {@code --verbose}
 */
record Finding(
        String check,
        Severity severity,
        String detail,
        @Nullable String remedy,
        @Nullable Throwable cause) {

    /** Servers answer in several lines, and a hostile one could send the escape codes of a terminal. */
    private static final Pattern BLANKS = Pattern.compile("[\\p{Cc}\\s]+");

    /** How bad it is. */
    enum Severity {
        OK,
        /** The runtime works, but somebody should know. */
        NOTE,
        /** The runtime will not start, or will fail later. */
        PROBLEM
    }

    Finding {
        detail = oneLine(detail);
        remedy = remedy == null ? null : oneLine(remedy);
        if ((remedy == null) != (severity == Severity.OK)) {
            throw new IllegalArgumentException(
                    check + ": a remedy is for what is not in order, and all of that has one");
        }
    }

    static Finding ok(String check, String detail) {
        return new Finding(check, Severity.OK, detail, null, null);
    }

    static Finding note(String check, String detail, String remedy) {
        return new Finding(check, Severity.NOTE, detail, remedy, null);
    }

    static Finding problem(String check, String detail, String remedy) {
        return new Finding(check, Severity.PROBLEM, detail, remedy, null);
    }

    Finding because(Throwable thrown) {
        return new Finding(check, severity, detail, remedy, Objects.requireNonNull(thrown));
    }

    /** Notes are sound. */
    boolean sound() {
        return severity != Severity.PROBLEM;
    }

    private static String oneLine(String text) {
        return BLANKS.matcher(text).replaceAll(" ").strip();
    }
}
