package io.forgeloom.migrate;

/** What to do when the schema is not what the last migration left, because somebody changed it by hand. */
public enum SchemaDrift {

    /** Log a warning that names what differs, and go on; what is there is taken for right with the next migration. */
    WARN,

    /** Apply nothing: {@link MigrationException.Reason#SCHEMA_CHANGED}. */
    FAIL,

    /** Do not look. */
    IGNORE
}
