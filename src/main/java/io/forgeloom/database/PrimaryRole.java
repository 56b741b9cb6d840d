package io.forgeloom.database;

import io.forgeloom.error.SqlState;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.PgUrl;
import io.forgeloom.internal.pg.ServerRole;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Sees to it that the primary's pool has sessions of a server that takes writes: refuses others as they are opened, and
 * ends all when the server turns read-only under them. Safe for use by many threads.
 */
final class PrimaryRole implements ServerListener {

    private static final String REMEDY =
            "promote it, or name the server that takes writes; with several primaryUrls the writable one is followed";

    /** A role and since when it is known. */
    private record Standing(ServerRole role, Instant since) {}

    private final ConnectionPool pool;
    private final AtomicReference<Standing> standing =
            new AtomicReference<>(new Standing(ServerRole.PRIMARY, Instant.now()));

    /** Since when every session that was opened was a standby's; null while none was. */
    private volatile @Nullable Instant standbySince;

    /** Set once, before the pool is started; null where there is one address only. */
    private @Nullable PrimaryFollower follower;

    PrimaryRole(ConnectionPool pool) {
        this.pool = pool;
        pool.listen(this);
    }

    void followedBy(PrimaryFollower one) {
        follower = one;
    }

    @Override
    public void suspected(String evidence) {
        PrimaryFollower several = follower;
        if (several != null) {
            several.wake();
        }
    }

    @Override
    public void reportedRole(boolean standby) {
        reported(standby ? ServerRole.STANDBY : ServerRole.PRIMARY);
    }

    @Override
    public void reported(ServerRole role) {
        Standing before = standing.getAndUpdate(
                old -> old.role == role ? old : new Standing(role, Instant.now().truncatedTo(ChronoUnit.MILLIS)));
        if (before.role == role) {
            return;
        }
        if (role == ServerRole.PRIMARY) {
            ConnectionPool.LOG.log(Level.INFO, "{0}: it takes writes again", pool);
            return;
        }
        ConnectionPool.LOG.log(
                Level.WARNING, "{0}: it takes no writes any more ({1}); its connections are ended", pool, cause(role));
        pool.retire();
        suspected("it is read-only");
    }

    @Override
    public @Nullable String opened(PgSession session) {
        if (session.role() == ServerRole.STANDBY) {
            // No reason to end the others: behind a name with several addresses they may belong to another server.
            Instant since = standbySince;
            if (since == null) {
                since = Instant.now().truncatedTo(ChronoUnit.MILLIS);
                standbySince = since;
            }
            return session.address() + " takes no writes: " + cause(ServerRole.STANDBY) + ", known since " + since
                    + "; " + REMEDY;
        }
        standbySince = null;
        reported(session.role());
        return null;
    }

    @Override
    public SQLException openFailed(SQLException failure) {
        PrimaryFollower several = follower;
        return several == null ? failure : several.explain(failure);
    }

    @Override
    public SQLException writeRefused(ServerRole role, SQLException failure) {
        reported(role);
        return new SQLException(
                pool + ": it takes no writes: " + cause(role) + ", known since " + standing.get().since + ": "
                        + failure.getMessage() + "; " + REMEDY,
                SqlState.READ_ONLY,
                failure);
    }

    @Override
    public SQLException fenced(PgSession session) {
        return new SQLException(
                pool.name() + ": " + session.address() + " is the primary no more, so nothing is begun there; the"
                        + " transaction is rolled back at the release of this connection; acquire another one ("
                        + (follower == null ? pool : follower) + ")",
                SqlState.READ_ONLY);
    }

    @Override
    public boolean isGone(PgUrl address) {
        PrimaryFollower several = follower;
        return several != null && several.isSilent(address);
    }

    private static String cause(ServerRole role) {
        return role == ServerRole.STANDBY
                ? "it is a standby (in_hot_standby = on)"
                : "it is read-only by default (default_transaction_read_only = on), which no user has set here";
    }
}
