package io.forgeloom.cli;

import io.forgeloom.cli.Finding.Severity;
import java.util.List;

/**
 * All that was found, server by server in the order of the command line. Immutable, safe for use by many threads.
 *
 * @param servers the primary first
 */
record Diagnosis(List<ServerReport> servers) {

    Diagnosis {
        servers = List.copyOf(servers);
    }

    /** Whether no check found a problem; notes are sound. */
    boolean ok() {
        return count(Severity.PROBLEM) == 0;
    }

    int count(Severity severity) {
        return (int) servers.stream()
                .flatMap(server -> server.findings().stream())
                .filter(finding -> finding.severity() == severity)
                .count();
    }

    int checks() {
        return servers.stream().mapToInt(server -> server.findings().size()).sum();
    }

    /**
     * What was found on one server.
     *
     * @param role {@code primary}, {@code replica-1}, …
     * @param findings in the order of the checks
     */
    record ServerReport(String role, List<Finding> findings) {

        static final String PRIMARY = "primary";

        ServerReport {
            findings = List.copyOf(findings);
        }

        /** The finding's name among those of all servers: {@code version}, {@code replica-1.version}. */
        String nameOf(Finding finding) {
            return role.equals(PRIMARY) ? finding.check() : role + "." + finding.check();
        }
    }
}
