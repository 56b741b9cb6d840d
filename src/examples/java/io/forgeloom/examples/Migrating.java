package io.forgeloom.examples;

import io.forgeloom.database.Database;
import io.forgeloom.migrate.MigrationResult;
import io.forgeloom.migrate.MigrationSource;
import io.forgeloom.migrate.Migrator;
import java.nio.file.Path;

/** Bringing a database to where the migration files are, by every node of a deployment at its start. */
public final class Migrating {

    private Migrating() {}

    static MigrationResult migrate(Database db, Path directory) {
        // @start region="migrate"
        // @start region="apply"
        MigrationResult result = Migrator.builder(db.primary())
                .migrations(MigrationSource.directory(directory))
                .build()
                .migrate();
        // @end region="apply"
        System.getLogger("billing").log(System.Logger.Level.INFO, "applied " + result.applied());
        // @end region="migrate"
        return result;
    }
}
