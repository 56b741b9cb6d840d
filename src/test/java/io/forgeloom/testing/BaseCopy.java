package io.forgeloom.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;

/**
 * Copies the data of a running server by the protocol that {@code pg_basebackup} uses, which is not among the embedded
 * programs: announce, copy the files, take the label that says from where to replay.
 */
final class BaseCopy {

    /** Folders whose content belongs to the running server; the folders themselves have to be there. */
    private static final Set<String> EMPTY = Set.of(
            "pg_wal",
            "pg_replslot",
            "pg_dynshmem",
            "pg_notify",
            "pg_serial",
            "pg_snapshots",
            "pg_stat_tmp",
            "pg_subtrans");

    private static final Set<String> LEFT_OUT = Set.of(
            "postmaster.pid", "postmaster.opts", "backup_label", "tablespace_map", "standby.signal", "recovery.signal");

    private BaseCopy() {}

    /** Makes {@code to} a standby's data folder from a running primary; {@code to} must not be there. */
    static void copy(PostgresServer primary, Path to) throws SQLException {
        // Start and stop must come from one session: its end would end the backup.
        try (Connection connection = primary.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT pg_backup_start('base copy', fast => true)");
            FileTrees.copy(primary.data(), to, BaseCopy::wanted);
            try (ResultSet label =
                    statement.executeQuery("SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)")) {
                label.next();
                Files.writeString(to.resolve("backup_label"), label.getString(1));
            }
            Files.createDirectories(to.resolve("pg_wal/archive_status"));
            Files.createFile(to.resolve("standby.signal"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean wanted(Path relative) {
        String first = relative.getName(0).toString();
        boolean inside = relative.getNameCount() > 1;
        return !(inside && EMPTY.contains(first))
                && !LEFT_OUT.contains(first)
                && !relative.getFileName().toString().startsWith("pgsql_tmp");
    }
}
