package io.forgeloom.leader;

/** What became of a role in this process. Immutable, safe for use by many threads. */
public sealed interface LeaderEvent {

    /** The role. */
    LeaderRole role();

    /** The leadership that began or ended. */
    LeadershipToken token();

    /** This process leads. */
    record Elected(LeaderRole role, LeadershipToken token) implements LeaderEvent {

        /** Its number. */
        public long term() {
            return token.term();
        }
    }

    /**
     * It does not any more, and did not choose to.
     *
     * @param cause what was noticed
     */
    record Lost(LeaderRole role, LeadershipToken token, String cause) implements LeaderEvent {

        /** The number of the leadership that was lost. */
        public long term() {
            return token.term();
        }
    }

    /** It gave the role up: asked to, because the election stops, or because the body has ended. */
    record Resigned(LeaderRole role, LeadershipToken token) implements LeaderEvent {}
}
