package io.forgeloom.migrate;

/**
 * What to do when the schema is not what the last run left, because somebody changed it by hand. A run writes down what it
 * leaves with its last file, or when a file in a transaction fails. After one that was killed between two files, or failed in a file
 * without a transaction, nothing is known, and so nothing differs, until the next has applied the rest; nor is it where others changed or locked the schema at just that moment.
 */
public enum SchemaDrift {

    /**
     * Log a warning that names what differs, and go on, also if the two cannot be compared; what is there is taken for right
     * with the next migration.
     */
    WARN,

    /**
     * Apply nothing: {@link MigrationException.Reason#SCHEMA_CHANGED}; {@link MigrationException.Reason#REFUSED} if the two
     * could not be compared, because others were changing the schema or had locked part of it for a second.
     */
    FAIL,

    /** Do not look. */
    IGNORE
}
