package io.forgeloom.lock;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Who holds a lock, as the server said a moment ago. What it shows of sessions of other users needs
 * {@code pg_read_all_stats}; without it those components are null. Times are the database's. Immutable, safe for use by
 * many threads; its text form is one line for a message.
 *
 * @param pid the server's process; 0 if it is a prepared transaction ({@code pg_prepared_xacts}), which has none
 * @param backendStart since when that process serves that session; with the pid it names the session for good
 * @param applicationName what the session calls itself; with Forgeloom the {@code serviceName}
 * @param client address and port, or {@code local} for a Unix socket
 * @param state {@code active}, {@code idle}, {@code idle in transaction}, …
 * @param since when it entered that state
 * @param queryStart when the statement that runs, or the last one, began
 */
public record LockHolder(
        int pid,
        @Nullable Instant backendStart,
        @Nullable String applicationName,
        @Nullable String client,
        @Nullable String state,
        @Nullable Instant since,
        @Nullable Instant queryStart) {

    @Override
    public String toString() {
        if (pid == 0) {
            return "a prepared transaction (see pg_prepared_xacts)";
        }
        String who = "pid " + pid + " \"" + (applicationName == null ? "" : applicationName) + "\"";
        if (state == null) {
            return who + " (more is for roles with pg_read_all_stats)";
        }
        return who + " from " + client + ", " + state + " since " + since + ", last statement begun " + queryStart
                + ", session begun " + backendStart;
    }
}
