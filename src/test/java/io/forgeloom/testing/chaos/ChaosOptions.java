package io.forgeloom.testing.chaos;

import java.security.SecureRandom;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the command line said. Immutable, safe for use by many threads.
 *
 * @param help whether only the usage is asked for
 * @param length how long the load runs
 * @param seed what the plan follows from
 * @param kinds the faults that may come
 * @param json whether the verdict is a JSON object on standard output, and all else on standard error
 */
record ChaosOptions(boolean help, Duration length, long seed, Set<Kind> kinds, boolean json) {

    static final String USAGE = """
            Usage: ./forge chaos --minutes N [options]

            Starts a PostgreSQL 18 with two replicas and three processes that use all of
            Forgeloom, breaks what can be broken, and holds what the processes saw and
            what the database has against each promise (docs/chaos.md).

              --minutes N   how long, 0.1 to 1440; a start and an end come on top
              --seed S      a whole number; the same one gives the same faults
                            (default: a random one, which is printed)
              --kinds A,B   only these faults (default all): kill pause reset blackhole
                            backends exhaustion clock primary-restart
                            replica-restart replica-lag promotion
              --json        the verdict as one JSON object on standard output, all
                            else on standard error
              --help        this text

            Exit code: 0 every promise was kept, 1 one was not or the run broke, 2 usage.
            """;

    private static final double MOST_MINUTES = 1_440;

    /** The line cannot be run; the message says why. */
    static final class UsageException extends Exception {
        private static final long serialVersionUID = 1L;

        UsageException(String message) {
            super(message);
        }
    }

    static ChaosOptions parse(List<String> arguments) throws UsageException {
        Duration length = Duration.ZERO;
        long seed = new SecureRandom().nextInt(1_000_000);
        Set<Kind> kinds = EnumSet.allOf(Kind.class);
        boolean json = false;
        Iterator<String> rest = arguments.iterator();
        while (rest.hasNext()) {
            String argument = rest.next();
            int equals = argument.indexOf('=');
            String name = equals < 0 ? argument : argument.substring(0, equals);
            String inline = equals < 0 ? null : argument.substring(equals + 1);
            switch (name) {
                case "--help", "-h" -> {
                    return new ChaosOptions(true, length, seed, kinds, json);
                }
                case "--json" -> json = true;
                case "--minutes" -> length = minutes(value(name, inline, rest));
                case "--seed" -> seed = seed(value(name, inline, rest));
                case "--kinds" -> kinds = kinds(value(name, inline, rest));
                default -> throw new UsageException("unknown option " + name);
            }
        }
        if (length.isZero()) {
            throw new UsageException("--minutes is missing");
        }
        return new ChaosOptions(false, length, seed, kinds, json);
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

    private static Duration minutes(String text) throws UsageException {
        try {
            double minutes = Double.parseDouble(text);
            if (minutes >= 0.1 && minutes <= MOST_MINUTES) {
                return Duration.ofMillis((long) (minutes * 60_000));
            }
        } catch (NumberFormatException e) {
            // The same message serves both.
        }
        throw new UsageException("--minutes: \"" + text + "\" is not a number from 0.1 to 1440");
    }

    private static long seed(String text) throws UsageException {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new UsageException("--seed: \"" + text + "\" is not a whole number");
        }
    }

    private static Set<Kind> kinds(String text) throws UsageException {
        Set<Kind> kinds = EnumSet.noneOf(Kind.class);
        for (String name : text.split(",")) {
            try {
                kinds.add(Kind.valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_')));
            } catch (IllegalArgumentException e) {
                throw new UsageException("--kinds: there is no \"" + name + "\"");
            }
        }
        return kinds;
    }

    /** As printed: {@code 3 min}, {@code 0.25 min}. */
    String lengthText() {
        String number = String.format(Locale.ROOT, "%.2f", length.toMillis() / 60_000.0);
        return number.replaceAll("\\.?0+$", "") + " min";
    }
}
