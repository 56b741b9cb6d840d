/**
 * Applies ordered, checksummed, forward-only SQL migrations under an advisory lock.
 *
 * <h2>What</h2>
 * <p>{@link io.forgeloom.migrate.Migrator} brings a database to where the files of a
 * {@link io.forgeloom.migrate.MigrationSource} are: a directory, a folder of a module or of the class path, texts in the
 * program. The runtime's own files, {@code __forge_vNNN_slug.sql} beside the packages that they belong to, come first;
 * they are listed in {@code system-schema.txt}, and this package knows none of their owners.
 *
 * <p>Authority is the table {@code forge_system_migrations} in the database, and the advisory lock of number 301978502981 decides who
 * may write to it. The lock and the work are in one session, so whoever loses the one cannot go on with the other. A
 * migration is pending, or applied; one without a transaction may also be running, which is written down before it begins.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>Each file is applied once, however many processes start together; all return when nothing is pending.
 *   <li>A file in a transaction is there as a whole with its row in the history, or not at all.
 *   <li>A process that ends at any point leaves nothing that the next run does not finish by itself, but for a statement
 *       without a transaction of a kind that nobody can judge from outside: then the message says what to do.
 *   <li>What a file does to its session, its role, settings, cursors and temporary tables, the next one does not find.
 *   <li>Nobody waits inside the server for the lock, so {@code CREATE INDEX CONCURRENTLY} never waits for a waiter.
 *   <li>A statement in a transaction waits at most {@code lockTimeout} for a lock, and so others behind it no longer.
 *   <li>The statements of a script are the server's: as many as its {@code CommandComplete} messages, with the same
 *       borders.
 *   <li>All that is wrong with the files, or between the files and the history, is told at once, before anything is
 *       applied.
 *   <li>What others do to the schema meanwhile, or have locked of it, neither fails a start that has nothing to apply nor
 *       holds it up for longer than a second, unless it asked for {@link io.forgeloom.migrate.SchemaDrift#FAIL}.
 *   <li>The checksum is of what runs: SHA-256 of the text without byte order mark and with LF for CRLF.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>{@link io.forgeloom.migrate.MigrationFileException}: files to mend.
 * {@link io.forgeloom.migrate.MigrationException}: the rest, by reason. Process killed: the server notices within a second,
 * rolls back, and frees the lock. Process frozen: after a minute idle the server ends the session, and with it the lock; when the
 * process wakes it can write no more. Network silent: the pool's watch cuts the session when the server says that it is
 * idle or gone; {@code client_connection_check_interval} and TCP keep-alive do so on the other side. Answer to a COMMIT
 * lost: the next run reads the history, which knows.
 *
 * <h2>Threads</h2>
 * <p>None; all is done on the caller's, the listener included.
 *
 * <h2>Example</h2>
 * {@snippet class="io.forgeloom.examples.Migrating" region="migrate"}
 */
@NullMarked
package io.forgeloom.migrate;

import org.jspecify.annotations.NullMarked;
