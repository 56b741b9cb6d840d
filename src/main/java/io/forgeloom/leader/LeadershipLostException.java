package io.forgeloom.leader;

import io.forgeloom.error.ForgeException;
import java.io.Serial;

/**
 * What was to be done as leader was not done, because this is not the leader any more. A transaction was rolled back. The
 * remedy is to stop: another one leads, or will.
 */
public final class LeadershipLostException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final String role;
    private final LeadershipToken token;

    LeadershipLostException(LeaderRole role, LeadershipToken token, String why) {
        super("leadership of " + role + " with token " + token + " is lost: " + why, null);
        this.role = role.name();
        this.token = token;
    }

    /** The name of the role. */
    public String role() {
        return role;
    }

    /** Which leadership. */
    public LeadershipToken token() {
        return token;
    }
}
