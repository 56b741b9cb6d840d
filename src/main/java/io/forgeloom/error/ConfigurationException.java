package io.forgeloom.error;

import java.io.Serial;
import java.time.Duration;
import java.util.Objects;

/**
 * An option has a value that it cannot have. Thrown before anything is opened; nothing was changed. The message names
 * the option, the value (never a password) and the bound.
 */
public final class ConfigurationException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final String option;

    /**
     * @param option the option's name as the builder spells it
     * @param problem what is wrong, with the value, the bound and the remedy
     */
    public ConfigurationException(String option, String problem) {
        super(Objects.requireNonNull(option, "option") + ": " + problem, null);
        this.option = option;
    }

    /** The name of the option, as the builder spells it. */
    public String option() {
        return option;
    }

    /**
     * Refuses a count outside {@code min} to {@code max}, both included.
     *
     * @return {@code value}
     */
    public static int requireBetween(String option, int value, int min, int max) {
        if (value < min || value > max) {
            throw new ConfigurationException(option, value + " is not between " + min + " and " + max);
        }
        return value;
    }

    /**
     * Refuses a time outside {@code min} to {@code max}, both included.
     *
     * @return {@code value}
     */
    public static Duration requireBetween(String option, Duration value, Duration min, Duration max) {
        Objects.requireNonNull(value, option);
        if (value.compareTo(min) < 0 || value.compareTo(max) > 0) {
            throw new ConfigurationException(option, value + " is not between " + min + " and " + max);
        }
        return value;
    }
}
