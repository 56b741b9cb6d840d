package io.forgeloom.leader;

import io.forgeloom.error.ConfigurationException;
import io.forgeloom.lock.LockId;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What one node at a time does. A role is its name, under which {@code forge_leaders} shows it, and the advisory lock that
 * decides who has it; both are the same in every process and in Forge. Immutable, safe for use by many threads.
 */
public final class LeaderRole {

    /** Starts what is due: cron and the like. */
    public static final LeaderRole SCHEDULER = new LeaderRole("scheduler", LockId.of(0x464F_5247_0001L));

    /** Adds up metrics. */
    public static final LeaderRole METRICS_AGGREGATOR =
            new LeaderRole("metrics_aggregator", LockId.of(0x464F_5247_0002L));

    /** Trims the change log. */
    public static final LeaderRole LOG_COMPACTOR = new LeaderRole("log_compactor", LockId.of(0x464F_5247_0003L));

    private static final List<LeaderRole> BUILT_IN = List.of(SCHEDULER, METRICS_AGGREGATOR, LOG_COMPACTOR);

    private static final int MAX_BYTES = 255;

    private final String name;
    private final LockId lockId;

    private LeaderRole(String name, LockId lockId) {
        this.name = name;
        this.lockId = lockId;
    }

    /**
     * A role of the application's own; its lock is {@link LockId#named} of the name.
     *
     * @param name 1 to 255 bytes of UTF-8 without control characters, and none of the built-in roles' names
     * @throws ConfigurationException if it is not so
     */
    public static LeaderRole daemon(String name) {
        String wrong = wrong(name);
        if (wrong != null) {
            throw new ConfigurationException("role", wrong);
        }
        for (LeaderRole role : BUILT_IN) {
            if (role.name.equals(name)) {
                throw new ConfigurationException(
                        "role",
                        "\"" + name + "\" is a built-in role, whose row and lock are its own; choose another name");
            }
        }
        return new LeaderRole(name, LockId.named(name));
    }

    /** Why no role can have that name; null if one can. */
    private static @Nullable String wrong(String name) {
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (name.isBlank() || bytes > MAX_BYTES) {
            return "a name has 1 to " + MAX_BYTES + " bytes of UTF-8, and this one has " + bytes;
        }
        return name.chars().anyMatch(Character::isISOControl) ? "a name must not have control characters" : null;
    }

    /** As {@link #of}; empty if no role can have that name. */
    static Optional<LeaderRole> find(String name) {
        return wrong(name) == null ? Optional.of(of(name)) : Optional.empty();
    }

    /**
     * The built-in role of that name, or else the daemon's.
     *
     * @throws ConfigurationException as {@link #daemon}
     */
    public static LeaderRole of(String name) {
        return BUILT_IN.stream()
                .filter(role -> role.name.equals(name))
                .findFirst()
                .orElseGet(() -> daemon(name));
    }

    /** The name. */
    public String name() {
        return name;
    }

    /** The lock that a leader holds. */
    public LockId lockId() {
        return lockId;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LeaderRole role && role.name.equals(name);
    }

    @Override
    public int hashCode() {
        return name.hashCode();
    }

    /** The name. */
    @Override
    public String toString() {
        return name;
    }
}
