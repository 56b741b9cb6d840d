package io.forgeloom.cli;

import io.forgeloom.internal.pg.ServerFacts;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

/** Turns the failure of a connect into findings with a remedy. */
final class ConnectFailure {

    static final String DIRECT_CONNECTION =
            "point the URL at the server itself; only a pooler that keeps one server session for each connection and"
                    + " passes start-up options on may be accepted, by requireDirectConnection(false)";

    private ConnectFailure() {}

    /** The connect ended because the time was up, whichever of the clocks noticed it first. */
    static Finding tooLate(Duration timeout) {
        return Finding.problem(
                "connect",
                "no session within " + timeout.toSeconds() + " s (name look-up, TCP, TLS and authentication together)",
                "look whether the server hangs and whether a firewall drops the packets; --timeout allows more");
    }

    static List<Finding> explain(SQLException failure) {
        String said = said(failure);
        if (ServerFacts.isPoolersRefusal(failure)) {
            return List.of(
                    Finding.problem("connect", said, "see proxy").because(failure),
                    Finding.problem("proxy", "a pooler that refuses our start-up options", DIRECT_CONNECTION));
        }
        return List.of(Finding.problem("connect", said, remedy(failure)).because(failure));
    }

    private static String remedy(SQLException failure) {
        return switch (String.valueOf(failure.getSQLState())) {
            case "28P01", "28000" ->
                "check user and password (URL, PGPASSWORD, password file, --password) and the server's pg_hba.conf";
            case "08004" ->
                "give the password (PGPASSWORD, a password file, --password), or the TLS that pg_hba.conf asks for";
            case "3D000" -> "create the database, or correct its name in the URL";
            case "53300" -> "end sessions, or raise max_connections or the CONNECTION LIMIT of the role or database";
            case "57P03" -> "wait until the server has started, then ask again; its log says what it is doing";
            case "08001" ->
                "check host and port, that the server runs and listens there (listen_addresses), and the firewall";
            default -> "see the server's log; --verbose shows where it failed";
        };
    }

    /** What the driver said; it keeps the name that it could not look up, for one, in the cause. */
    private static String said(SQLException failure) {
        Throwable cause = failure.getCause();
        String reason = cause instanceof IOException && !"Connection refused".equals(cause.getMessage())
                ? " (" + cause.getClass().getSimpleName() + ": " + cause.getMessage() + ")"
                : "";
        String state = failure.getSQLState() == null ? "" : " [SQLSTATE " + failure.getSQLState() + "]";
        return failure.getMessage() + reason + state;
    }
}
