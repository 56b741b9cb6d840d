package io.forgeloom.migrate;

import java.util.List;

/**
 * One migration as its file says it, whole and without a fault.
 *
 * @param version its key in the history: {@code 0001_create_users}, or {@code __forge_v001} for one of ours
 * @param number what it is ordered by, from 1
 * @param file where it comes from, for messages
 * @param checksum of its text, by {@link MigrationText#ALGORITHM}
 * @param transactional whether its statements and its row in the history are one transaction; if not, there is just one
 *     statement
 * @param statements at least one
 */
record MigrationFile(
        String version,
        int number,
        String file,
        String checksum,
        boolean transactional,
        List<SqlStatement> statements) {

    MigrationFile {
        statements = List.copyOf(statements);
    }
}
