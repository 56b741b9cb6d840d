/**
 * Forgeloom: a runtime on PostgreSQL 18.
 */
@SuppressWarnings("requires-automatic")
module io.forgeloom {
    requires transitive java.sql;
    requires org.postgresql.jdbc;
    requires jdk.net;
    requires static org.jspecify;
    requires static info.picocli;

    exports io.forgeloom.database;
    exports io.forgeloom.error;

    opens io.forgeloom.cli to
            info.picocli;
}
