package io.forgeloom.migrate;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the name of a migration file says.
 *
 * @param digits the number as it is written, with its zeros
 */
record MigrationName(String version, String digits) {

    /** Whose files they are, which decides how they are named. */
    enum Owner {
        /** {@code 0001_create_users.sql}: the version is the name without its ending. */
        USER(Pattern.compile("((\\d{1,9})_[A-Za-z0-9][A-Za-z0-9_-]*)\\.sql"), "0001_create_users.sql"),
        /** {@code __forge_v001_leaders.sql}: the version is what stands before the slug. */
        SYSTEM(Pattern.compile("(__forge_v(\\d{3}))_[a-z0-9_]+\\.sql"), "__forge_v001_leaders.sql");

        private final Pattern pattern;
        private final String example;

        Owner(Pattern pattern, String example) {
            this.pattern = pattern;
            this.example = example;
        }

        String example() {
            return example;
        }
    }

    /** The width of the column that versions are kept in. */
    private static final int LONGEST_VERSION = 255;

    /** What the name says, or null if it is not one of this owner's. */
    static @Nullable MigrationName parse(String name, Owner owner) {
        Matcher parts = owner.pattern.matcher(name);
        return parts.matches() && parts.group(1).length() <= LONGEST_VERSION
                ? new MigrationName(parts.group(1), parts.group(2))
                : null;
    }

    int number() {
        return Integer.parseInt(digits);
    }
}
