package io.forgeloom.database;

import io.forgeloom.error.ForgeException;
import java.io.Serial;

/** A server answered at start, but is not one that the runtime can work with. Nothing stays open. */
public final class ServerCheckException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    /** What was looked at. */
    public enum Check {
        /** The server's version is at least the required one. */
        VERSION,
        /** No pooler stands between this process and the server. */
        DIRECT_CONNECTION,
        /** The primary accepts writes; of several addresses, one alone does. */
        WRITABLE,
        /** The addresses of the primary are of one cluster. */
        SAME_CLUSTER
    }

    private final Check check;
    private final String role;
    private final String found;
    private final String required;

    ServerCheckException(Check check, String role, String server, String found, String required, String remedy) {
        super(role + " " + server + ": found " + found + ", required " + required + "; " + remedy, null);
        this.check = check;
        this.role = role;
        this.found = found;
        this.required = required;
    }

    /** What was looked at. */
    public Check check() {
        return check;
    }

    /** The server's role in the configuration: {@code primary}, {@code replica-1}, … */
    public String role() {
        return role;
    }

    /** What there is. */
    public String found() {
        return found;
    }

    /** What there should be. */
    public String required() {
        return required;
    }
}
