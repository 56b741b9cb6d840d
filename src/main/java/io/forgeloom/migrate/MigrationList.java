package io.forgeloom.migrate;

import io.forgeloom.error.ConfigurationException;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The migrations of one owner, in their order. What the database has of it must be a beginning of it, whatever else the
 * same history holds: so several applications keep theirs in one database.
 *
 * @param name empty for the user's list without a name
 */
record MigrationList(String name, boolean system, List<MigrationFile> files) {

    /** What the runtime's own versions begin with; a user's file cannot. */
    static final String SYSTEM_PREFIX = "__forge_";

    /** Between a list's name and the file's version; neither can hold it. */
    static final char SEPARATOR = '/';

    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9_-]{0,62}");

    /** The width of the column that versions are kept in. */
    private static final int LONGEST_KEY = 255;

    MigrationList {
        files = List.copyOf(files);
        for (MigrationFile file : files) {
            String key = system || name.isEmpty() ? file.version() : name + SEPARATOR + file.version();
            if (key.length() > LONGEST_KEY) {
                throw new ConfigurationException(
                        "named", key + " has " + key.length() + " characters, more than " + LONGEST_KEY);
            }
        }
    }

    /** Refuses what could be taken for another list's. */
    static String requireName(String name) {
        if (!NAME.matcher(name).matches()) {
            throw new ConfigurationException(
                    "named",
                    "\"" + name + "\" is not 1 to 63 lower-case letters, digits, _ and -, beginning with a letter"
                            + " or digit");
        }
        return name;
    }

    /** The key of a file in the history. */
    String key(MigrationFile file) {
        return system || name.isEmpty() ? file.version() : name + SEPARATOR + file.version();
    }

    /** Whether a row of the history is of this list. */
    boolean owns(String key) {
        boolean isSystem = key.startsWith(SYSTEM_PREFIX);
        if (system || isSystem) {
            return system && isSystem;
        }
        int end = key.indexOf(SEPARATOR);
        return name.equals(end < 0 ? "" : key.substring(0, end));
    }

    /** For messages. */
    @Override
    public String toString() {
        return system ? "the system's migrations" : name.isEmpty() ? "the migrations" : "the migrations of " + name;
    }
}
