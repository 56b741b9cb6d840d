package io.forgeloom.cli;

import io.forgeloom.database.Identifier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where to find the system schema. One thread at a time. */
final class SchemaOption {

    @Option(
            names = "--schema",
            paramLabel = "SCHEMA",
            description = "Where Forgeloom's tables are. Defaults to where the session finds them.")
    private @Nullable String schema;

    /** Null if it is not given. */
    @Nullable
    Identifier identifier() {
        return schema == null ? null : MigrateCommand.identifier("--schema", schema);
    }
}
