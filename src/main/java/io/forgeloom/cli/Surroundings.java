package io.forgeloom.cli;

import io.forgeloom.error.ConfigurationException;
import java.io.Console;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the commands take from outside their arguments. The only place that reads the environment: {@code DATABASE_URL}
 * and {@code PGPASSWORD}. Besides, the driver looks for a password file ({@code PGPASSFILE}, or {@code .pgpass} in the
 * home folder), and picocli at {@code NO_COLOR} and whether a terminal is there. Immutable.
 *
 * @param variables the environment
 * @param unicode whether standard output can show more than ASCII
 * @param passwordPrompt asks the user for a password; null where there is no terminal to ask on
 */
record Surroundings(Map<String, String> variables, boolean unicode, Supplier<char @Nullable []> passwordPrompt) {

    /** Those of this process. */
    static Surroundings ofThisProcess() {
        return new Surroundings(
                System.getenv(), StandardCharsets.UTF_8.equals(System.out.charset()), Surroundings::askOnTheTerminal);
    }

    /** The variable's value; null if it is not set, or empty. */
    @Nullable
    String variable(String name) {
        String value = variables.get(name);
        return value == null || value.isEmpty() ? null : value;
    }

    /**
     * Asks for a password.
     *
     * @throws ConfigurationException if there is nobody to ask
     */
    String askForPassword() {
        char[] typed = passwordPrompt.get();
        if (typed == null) {
            throw new ConfigurationException(
                    "--password", "there is no terminal to ask on; set PGPASSWORD or write a password file");
        }
        return new String(typed);
    }

    /** From JDK 22 on there may be a console without a terminal: it reads standard input, and null at its end. */
    @SuppressWarnings("SystemConsoleNull")
    private static char @Nullable [] askOnTheTerminal() {
        Console console = System.console();
        return console == null ? null : console.readPassword("Password: ");
    }

    /** Without the environment, which holds secrets. */
    @Override
    public String toString() {
        return "Surroundings[unicode=" + unicode + "]";
    }
}
