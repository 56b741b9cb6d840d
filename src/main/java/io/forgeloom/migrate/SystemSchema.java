package io.forgeloom.migrate;

/**
 * The files that make our own tables and functions: one numbering over all packages, {@code __forge_vNNN_slug.sql}, each
 * file beside the package that owns what it makes. They are known by their index alone, so that this package imports no
 * owner, and they are always applied as a whole.
 */
final class SystemSchema {

    private static final String INDEX = "io/forgeloom/migrate/system-schema.txt";

    private SystemSchema() {}

    /** All files of this version of the library. */
    static MigrationSource source() {
        return new MigrationSource(new IndexSource(SystemSchema.class, INDEX));
    }
}
