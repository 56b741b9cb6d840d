package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.error.ConfigurationException;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Times of a command line and of its tables: 500ms, 3s, 2m, 1h. */
final class TimeText {

    private static final Pattern DURATION = Pattern.compile("([0-9]{1,9})(ms|s|m|h)");

    private TimeText() {}

    /** @throws ConfigurationException if it is none, or out of its bounds, of {@code option} */
    static Duration parse(String option, String text, Duration least, Duration most) {
        Matcher parts = DURATION.matcher(text);
        if (!parts.matches()) {
            throw new ConfigurationException(option, "is a number with its unit: 500ms, 3s, 2m or 1h");
        }
        long number = Long.parseLong(parts.group(1));
        Duration time = switch (parts.group(2)) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            default -> Duration.ofHours(number);
        };
        return requireBetween(option, time, least, most);
    }

    /** About so long, for eyes. */
    static String of(Duration time) {
        long millis = time.toMillis();
        if (millis < 60_000) {
            return String.format(Locale.ROOT, "%d.%d s", millis / 1000, millis % 1000 / 100);
        }
        long minutes = time.toMinutes();
        return minutes < 120 ? minutes + " min" : minutes / 60 + " h";
    }
}
