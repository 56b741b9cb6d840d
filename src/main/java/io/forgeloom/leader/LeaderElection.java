package io.forgeloom.leader;

import io.forgeloom.database.Database;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.lock.LockId;
import io.forgeloom.notify.NotifyBus;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Elects one leader for each role among all processes on one database, and says whether this process is it.
 *
 * <p>Made with its roles; {@link #start()} returns at once. The database and the bus, which tells the standbys when a
 * role was given up, must stay open for longer. It has one dedicated connection for all roles.
 *
 * <p>Safe for use by many threads.
 */
public final class LeaderElection implements AutoCloseable {

    static final System.Logger LOG = System.getLogger("io.forgeloom.leader");

    private final Database database;
    private final LeaderConfig config;
    private final List<LeaderRole> roles;
    private final EventQueue events = new EventQueue();
    private final SeatTable seats;
    private final ElectionLoop loop;

    private LeaderElection(Database database, NotifyBus bus, LeaderConfig config, List<LeaderRole> roles) {
        this.database = database;
        this.config = config;
        this.roles = roles;
        this.seats = new SeatTable(config, roles, events::add);
        String named = config.nodeId();
        String nodeId = named == null
                ? database.serviceName() + ":" + ProcessHandle.current().pid()
                : named;
        this.loop = new ElectionLoop(database, bus, config, nodeId, seats, events);
        bus.addChannels(LeaderSession.RELEASED);
    }

    /** As {@link #of(Database, NotifyBus, LeaderConfig, LeaderRole...)} with every default. */
    public static LeaderElection of(Database database, NotifyBus bus, LeaderRole... roles) {
        return of(database, bus, LeaderConfig.DEFAULTS, roles);
    }

    /**
     * An election that is not started.
     *
     * @param bus is given the channel {@code forge_leader_released}; without a bus that runs, a role that was given up
     *     is found by the next poll
     * @param roles one or more
     * @throws ConfigurationException if none is given, one is given twice, or two have one lock
     */
    public static LeaderElection of(Database database, NotifyBus bus, LeaderConfig config, LeaderRole... roles) {
        if (roles.length == 0) {
            throw new ConfigurationException("roles", "an election needs one or more");
        }
        Map<LockId, LeaderRole> locks = new HashMap<>();
        for (LeaderRole role : roles) {
            LeaderRole other = locks.put(role.lockId(), role);
            if (other != null) {
                throw new ConfigurationException(
                        "roles",
                        other.equals(role)
                                ? role + " is given twice"
                                : other + " and " + role + " have the same lock, " + role.lockId() + "; rename one");
            }
        }
        return new LeaderElection(
                Objects.requireNonNull(database, "database"),
                Objects.requireNonNull(bus, "bus"),
                Objects.requireNonNull(config, "config"),
                List.of(roles));
    }

    // ---- lifecycle ----

    /**
     * Begins to campaign, and returns without waiting for anything. While started does nothing; after a stop it starts
     * again.
     *
     * @throws IllegalStateException after {@link #close()}
     */
    public void start() {
        loop.start();
    }

    /**
     * Gives up every role, so that others lead at once, and ends every thread. Bodies are interrupted and waited for, up to
     * {@link LeaderConfig#bodyTimeout()}. Not to be called by a body or a listener.
     */
    public void stop() {
        loop.stop();
    }

    /** As {@link #stop()}, for good. */
    @Override
    public void close() {
        loop.close();
    }

    /** Whether it was started and its threads live; whether it leads is another matter. No I/O. */
    public boolean isRunning() {
        return loop.isRunning();
    }

    // ---- who leads ----

    /** The roles, as they were given. */
    public List<LeaderRole> roles() {
        return roles;
    }

    /**
     * Whether this process leads: a comparison of two times, without I/O, a lock or an allocation. It says no in good time
     * before the server gives the role to another, but nothing keeps that answer true until the caller has acted on it.
     *
     * @throws IllegalArgumentException if the role is not one of this election's
     */
    public boolean isLeader(LeaderRole role) {
        Leadership leadership = seats.seat(role).leadership;
        return leadership != null && leadership.isValid();
    }

    /**
     * The leadership of this process; empty while it does not lead.
     *
     * @throws IllegalArgumentException if the role is not one of this election's
     */
    public Optional<Leadership> leadership(LeaderRole role) {
        Leadership leadership = seats.seat(role).leadership;
        return leadership != null && leadership.isValid() ? Optional.of(leadership) : Optional.empty();
    }

    /**
     * Waits until this process leads.
     *
     * @return the leadership; empty if the time was over before
     * @throws IllegalArgumentException if the role is not one of this election's
     */
    public Optional<Leadership> awaitLeadership(LeaderRole role, Duration timeout) throws InterruptedException {
        boolean unused = seats.await(Deadline.after(timeout), () -> isLeader(role));
        return leadership(role);
    }

    /**
     * Asks the database who leads, whichever process it is; empty if nobody ever did. One or two round trips.
     *
     * @throws IllegalArgumentException if the role is not one of this election's
     * @throws DatabaseException if it could not be asked
     */
    public Optional<LeaderStatus> leader(LeaderRole role) {
        return read(database, config, seats.seat(role).role).stream().findFirst();
    }

    /**
     * Asks the database about all roles that ever had a leader, by their names. A row under a name that no role can have is
     * somebody else's work, and is among them: {@link LeaderStatus.State#GONE}, since no lock goes with it.
     *
     * @param config whose schema counts
     * @throws DatabaseException if it could not be asked
     */
    public static List<LeaderStatus> leaders(Database database, LeaderConfig config) {
        return read(database, config, null);
    }

    private static List<LeaderStatus> read(Database database, LeaderConfig config, @Nullable LeaderRole role) {
        return database.<List<LeaderStatus>, RuntimeException>withConnection(
                connection -> LeaderTable.find(connection, config.schema()).read(connection, role));
    }

    // ---- what a leader does ----

    /**
     * Runs {@code body} on a thread of its own whenever this process leads. On a loss it is interrupted, and so it is when the
     * role is given up; it has {@link LeaderConfig#bodyTimeout()} to end. If it returns or throws, the role is given up,
     * and this process campaigns again after the others had a look. It never runs twice at a time: while it does not end, this
     * process does not campaign.
     *
     * @throws IllegalStateException if the role has one already
     * @throws IllegalArgumentException if the role is not one of this election's
     */
    public void whileLeader(LeaderRole role, LeaderBody body) {
        seats.setBody(role, Objects.requireNonNull(body, "body"));
    }

    /**
     * Tells {@code listener} from now on, of each role in the order of what happened, on a thread of the election's. It may
     * block, which delays only what it and other listeners are told. What it throws is logged.
     */
    public void onEvent(Consumer<? super LeaderEvent> listener) {
        events.listen(Objects.requireNonNull(listener, "listener"));
    }

    /**
     * Gives a role up, so that another process leads at once; this one tries again after that. Waits until it is given up;
     * a body that calls this returns from it interrupted, and should end. Nothing happens if this process does not lead.
     *
     * @throws IllegalArgumentException if the role is not one of this election's
     */
    public void resign(LeaderRole role) throws InterruptedException {
        Seat seat = seats.seat(role);
        seats.resign(seat::equals, "it was resigned");
        BodyRun run = seat.run;
        if (run == null || !run.isOnCurrentThread()) {
            Duration limit = config.bodyTimeout().plus(config.leaseDuration());
            boolean unused = seats.await(Deadline.after(limit), () -> !seat.resigning);
        }
    }

    @Override
    public String toString() {
        return "LeaderElection" + roles;
    }
}
