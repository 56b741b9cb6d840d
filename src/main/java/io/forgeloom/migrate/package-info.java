/**
 * Applies ordered, checksummed, forward-only SQL migrations under an advisory lock.
 *
 * <h2>What</h2>
 * <p>So far the part that needs no database. {@link io.forgeloom.migrate.MigrationReader} reads a list of migrations from
 * a {@link io.forgeloom.migrate.MigrationSource}: a directory, a folder of a module or of the class path, texts in the
 * program. {@link io.forgeloom.migrate.SqlSplitter} takes each apart into statements.
 * {@link io.forgeloom.migrate.SystemSchema} is the list of our own.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>The statements of a script are the server's: as many as its {@code CommandComplete} messages, with the same
 *       borders.
 *   <li>All that is wrong with the files is told at once, with file and line, before anything is applied.
 *   <li>The checksum is of what runs: SHA-256 of the text without byte order mark and with LF for CRLF.
 *   <li>Reading costs time linear in the size of the files.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>{@link io.forgeloom.migrate.MigrationFileException}: files to mend.
 *
 * <h2>Threads</h2>
 * <p>None.
 *
 * <h2>Example</h2>
 * <p>None yet: nothing here is public but the exception.
 */
@NullMarked
package io.forgeloom.migrate;

import org.jspecify.annotations.NullMarked;
