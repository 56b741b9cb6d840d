package io.forgeloom.testing.demo;

import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What the command line said. Immutable, safe for use by many threads.
 *
 * @param help whether only the usage is asked for
 * @param seconds how long the load runs
 * @param threads virtual threads that run transactions
 * @param pool connections at most
 * @param url the user's own server; null starts an embedded one
 * @param plain lines instead of a live view, on a terminal too
 */
record DemoOptions(
        boolean help,
        int seconds,
        int threads,
        int pool,
        @Nullable String url,
        boolean plain) {

    static final String USAGE = """
            Usage: ./forge demo [options]

            Starts a PostgreSQL 18, moves money between accounts on hundreds of virtual threads through one small
            pool, kills the server half-way, starts it again, and accounts for every single transaction at the end.

              --seconds N   how long the load runs, 5 to 3600 (default 20)
              --threads N   virtual threads, 1 to 20000 (default 400)
              --pool N      connections at most, 1 to 1000 (default 20)
              --url URL     your own server, jdbc:postgresql://… or postgres://…: in a schema of its own that is
                            dropped at the end, and without the kill
              --plain       one line a second instead of the live view, as when the output is no terminal
              --help        this text

            Exit code: 0 every invariant held, 1 one did not or there is no server, 2 usage.
            NO_COLOR turns colours off.
            """;

    /** The line cannot be run; the message says why. */
    static final class UsageException extends Exception {
        private static final long serialVersionUID = 1L;

        UsageException(String message) {
            super(message);
        }
    }

    static DemoOptions parse(List<String> arguments) throws UsageException {
        boolean help = false;
        boolean plain = false;
        int seconds = 20;
        int threads = 400;
        int pool = 20;
        String url = null;
        Iterator<String> rest = arguments.iterator();
        while (rest.hasNext()) {
            String argument = rest.next();
            int equals = argument.indexOf('=');
            String name = equals < 0 ? argument : argument.substring(0, equals);
            String inline = equals < 0 ? null : argument.substring(equals + 1);
            switch (name) {
                case "--help", "-h" -> help = true;
                case "--plain" -> plain = true;
                case "--seconds" -> seconds = number(name, value(name, inline, rest), 5, 3600);
                case "--threads" -> threads = number(name, value(name, inline, rest), 1, 20_000);
                case "--pool" -> pool = number(name, value(name, inline, rest), 1, 1000);
                case "--url" -> url = value(name, inline, rest);
                // Without what follows "=": it may be a URL with a password.
                default -> throw new UsageException("unknown option " + name);
            }
        }
        return new DemoOptions(help, seconds, threads, pool, url, plain);
    }

    private static String value(String name, @Nullable String inline, Iterator<String> rest) throws UsageException {
        if (inline != null) {
            return inline;
        }
        if (!rest.hasNext()) {
            throw new UsageException(name + " needs a value");
        }
        return rest.next();
    }

    private static int number(String name, String text, int min, int max) throws UsageException {
        try {
            int value = Integer.parseInt(text);
            if (value >= min && value <= max) {
                return value;
            }
        } catch (NumberFormatException e) {
            // The same message serves both.
        }
        throw new UsageException(
                String.format(Locale.ROOT, "%s: \"%s\" is not a whole number from %d to %d", name, text, min, max));
    }
}
