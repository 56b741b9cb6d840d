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
 * @param readers virtual threads that read on two replicas; 0 is without replicas
 * @param url the user's own server; null starts an embedded one
 * @param plain lines instead of a live view, on a terminal too
 * @param json the verdict for machines on standard output, and the lines on standard error
 */
record DemoOptions(
        boolean help,
        int seconds,
        int threads,
        int pool,
        int readers,
        @Nullable String url,
        boolean plain,
        boolean json) {

    private static final int DEFAULT_READERS = -1;

    static final String USAGE = """
            Usage: ./forge demo [options]

            Starts a PostgreSQL 18 with two streaming replicas, moves money between accounts on hundreds of virtual
            threads through one small pool, reads on the replicas, kills one replica and has the other lag and hang,
            kills the primary half-way, starts it again, and accounts for every single transaction and read at the end.
            Meanwhile three processes compete to lead: the leader is killed, frozen, and asked to resign; a copy follows
            the change log of a table; and a whole runtime, Forge.start, is asked for its health.

              --seconds N   how long the load runs, 5 to 3600 (default 20)
              --threads N   virtual threads, 1 to 20000 (default 400)
              --pool N      connections at most, 1 to 1000 (default 20)
              --readers N   virtual threads that read on the replicas, 0 to 20000 (default a quarter of the threads);
                            0 is without replicas
              --url URL     your own server, jdbc:postgresql://… or postgres://…: in a schema of its own that is
                            dropped at the end, without replicas and without the kill
              --plain       one line a second instead of the live view, and all figures at the end, as when the
                            output is no terminal
              --json        the verdict as one JSON object on standard output, all else as lines on standard error:
                            {"verdict":"held" or "broken","seconds":...,"invariants":[{"name":...,"ok":...,
                            "figure":...}]}; nothing is on standard output if there was no verdict
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
        boolean json = false;
        int seconds = 20;
        int threads = 400;
        int pool = 20;
        int readers = DEFAULT_READERS;
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
                case "--json" -> json = true;
                case "--seconds" -> seconds = number(name, value(name, inline, rest), 5, 3600);
                case "--threads" -> threads = number(name, value(name, inline, rest), 1, 20_000);
                case "--pool" -> pool = number(name, value(name, inline, rest), 1, 1000);
                case "--readers" -> readers = number(name, value(name, inline, rest), 0, 20_000);
                case "--url" -> url = value(name, inline, rest);
                // Without what follows "=": it may be a URL with a password.
                default -> throw new UsageException("unknown option " + name);
            }
        }
        return new DemoOptions(help, seconds, threads, pool, readers(readers, threads, url), url, plain, json);
    }

    private static int readers(int asked, int threads, @Nullable String url) throws UsageException {
        if (url != null) {
            if (asked > 0) {
                throw new UsageException("--readers needs the demo's own replicas, so it does not go with --url");
            }
            return 0;
        }
        return asked == DEFAULT_READERS ? Math.max(1, threads / 4) : asked;
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
