package io.forgeloom.testing.chaos;

import io.forgeloom.error.ForgeException;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.leader.Leadership;
import io.forgeloom.leader.LeadershipLostException;
import io.forgeloom.leader.LeadershipToken;
import io.forgeloom.leader.StaleLeaderships;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Of one role: tells when this process believes to lead, and writes as leader, also as one that it is no more. */
final class LeaderUsers {

    private static final long TELL_EACH_NANOS = 200_000_000;
    private static final int REMEMBERED = 3;

    private static final String WRITE = """
            INSERT INTO public.chaos_write (role, timeline, term, latest_timeline, latest_term, stale)
            SELECT ?, ?, ?, r.timeline, r.term, ? FROM public.forge_leaders AS r WHERE r.role = ?
            """;

    private final LeaderElection election;
    private final LeaderRole role;
    private final Teller teller;
    private final Deque<Leadership> earlier = new ArrayDeque<>();

    // The sampler's.
    private @Nullable LeadershipToken reigning;
    private long from;
    private long last;
    private long told;

    LeaderUsers(LeaderElection election, LeaderRole role, Teller teller) {
        this.election = election;
        this.role = role;
        this.teller = teller;
    }

    /** May be stopped between any two lines: the reign becomes shorter by that, never longer. */
    void sample() {
        long before = System.nanoTime();
        Optional<Leadership> now = election.leadership(role);
        LeadershipToken token = now.map(Leadership::token).orElse(null);
        if (token != null && token.equals(reigning)) {
            last = before;
            if (last - told > TELL_EACH_NANOS) {
                tell();
            }
            return;
        }
        if (reigning != null) {
            tell();
        }
        reigning = token;
        if (token != null) {
            from = System.nanoTime();
            last = from;
            tell();
        }
    }

    private void tell() {
        told = last;
        LeadershipToken token = reigning;
        if (token != null) {
            teller.tell("reign", "role", role, "token", token, "from", from, "last", last);
        }
    }

    /** As leader, if it is; and as each of the leaders it was, which do not know better. */
    void write() {
        Leadership now = election.leadership(role).orElse(null);
        if (now != null) {
            write(now, false);
        }
        for (Leadership old : earlier) {
            if (now == null || !old.token().equals(now.token())) {
                write(StaleLeaderships.again(old), true);
            }
        }
        if (now != null && earlier.stream().noneMatch(one -> one.token().equals(now.token()))) {
            earlier.addFirst(now);
            if (earlier.size() > REMEMBERED) {
                earlier.removeLast();
            }
        }
    }

    private void write(Leadership leadership, boolean stale) {
        String fate;
        try {
            leadership.inTransaction(transaction -> insert(transaction.connection(), leadership.token(), stale));
            fate = "accepted";
        } catch (LeadershipLostException e) {
            fate = "refused";
        } catch (ForgeException e) {
            fate = "failed";
        }
        teller.tell("fenced", "role", role, "token", leadership.token(), "stale", stale, "fate", fate);
    }

    private int insert(java.sql.Connection connection, LeadershipToken token, boolean stale) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(WRITE)) {
            insert.setString(1, role.name());
            insert.setLong(2, token.timeline());
            insert.setLong(3, token.term());
            insert.setBoolean(4, stale);
            insert.setString(5, role.name());
            return insert.executeUpdate();
        }
    }
}
