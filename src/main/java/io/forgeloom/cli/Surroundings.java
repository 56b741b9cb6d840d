package io.forgeloom.cli;

import io.forgeloom.error.ConfigurationException;
import java.io.Console;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the commands take from outside their arguments. The only place that reads the environment: {@code DATABASE_URL},
 * {@code PGPASSWORD} and {@code TERM}. Besides, the driver looks for a password file ({@code PGPASSFILE}, or {@code .pgpass} in the
 * home folder), and picocli at {@code NO_COLOR} and whether a terminal is there. Immutable.
 *
 * @param variables the environment
 * @param unicode whether standard output can show more than ASCII
 * @param passwordPrompt asks the user for a password; null where there is no terminal to ask on
 * @param askColumns how wide the terminal is that standard output leads to; 0 if it leads to none
 */
record Surroundings(
        Map<String, String> variables,
        boolean unicode,
        Supplier<char @Nullable []> passwordPrompt,
        IntSupplier askColumns) {

    private static final int DEFAULT_COLUMNS = 80;

    /** Those of this process. */
    static Surroundings ofThisProcess() {
        return new Surroundings(
                System.getenv(),
                StandardCharsets.UTF_8.equals(System.out.charset()),
                Surroundings::askOnTheTerminal,
                Surroundings::askTheTerminal);
    }

    /** How many columns a line that is redrawn in place has; 0 if standard output cannot do that. */
    int columns() {
        String terminal = variable("TERM");
        return terminal == null || terminal.equals("dumb") ? 0 : askColumns.getAsInt();
    }

    /**
     * 0 where standard output is no terminal. The JDK can tell that of input and output together only, so the shell is
     * asked.
     */
    private static int askTheTerminal() {
        try {
            Process shell = new ProcessBuilder("sh", "-c", "[ -t 1 ] && { stty size <&3 || echo 0 0; } 3<&1 >&2")
                    .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                    .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                    .start();
            if (!shell.waitFor(2, TimeUnit.SECONDS)) {
                shell.destroyForcibly();
                return 0;
            }
            String size = new String(shell.getErrorStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
            if (size.isEmpty()) {
                return 0;
            }
            String columns = size.substring(size.lastIndexOf(' ') + 1);
            return columns.matches("[1-9][0-9]{0,3}") ? Integer.parseInt(columns) : DEFAULT_COLUMNS;
        } catch (IOException e) {
            return 0;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return 0;
        }
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
