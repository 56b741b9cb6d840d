package io.forgeloom.database;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * A primary and its replicas, each behind a bounded pool. Opened once by {@link #open}, shared by all threads, and closed
 * by {@link #close}. Safe for use by many threads.
 *
 * <p>{@link #withConnection} lends a connection of the primary for one function, {@link #inTransaction} runs one in a
 * transaction, {@link #read} runs one that reads on a replica. {@link #primary()} and {@link #reads()} are a
 * {@link DataSource} each, for code that knows JDBC only.
 */
public final class Database implements AutoCloseable {

    private static final Duration HEALTH_TIMEOUT = Duration.ofSeconds(2);

    /** What those that ask servers may add to a close. */
    private static final Duration AFTER_STOP = Duration.ofMillis(100);

    private final DatabaseConfig config;
    private final ConnectionPool primary;
    private final List<Replica> replicas;
    private final LagWatch lagWatch;
    private final ReadRouter router;
    private final Reads reads;
    private final ReadsDataSource readsDataSource;
    private final Transactions transactions;

    /** Null where the primary has one address only. */
    private final @Nullable PrimaryFollower follower;

    private Database(
            DatabaseConfig config,
            ConnectionPool primary,
            @Nullable PrimaryFollower follower,
            WalPages walPages,
            List<Replica> replicas,
            LagWatch lagWatch) {
        this.config = config;
        this.primary = primary;
        this.follower = follower;
        this.replicas = replicas;
        this.lagWatch = lagWatch;
        this.router = new ReadRouter(primary, replicas, lagWatch, config);
        this.reads = new Reads(router, primary);
        this.readsDataSource = new ReadsDataSource(reads, config.poolTimeout());
        this.transactions = new Transactions(primary, walPages);
    }

    /**
     * Connects to all servers of the configuration at the same time and checks that each is one to work with: PostgreSQL
     * 18 or later, no pooler in between, and a primary that accepts writes. Takes at most twice
     * {@link DatabaseConfig#connectTimeout()}. If anything fails, nothing stays open; a replica that cannot be reached is
     * no failure if {@link ReplicaOptions.Builder#atStart} says so.
     *
     * @throws ServerCheckException if a server is not fit; it says which, what was found and what is required
     * @throws DatabaseException if a server cannot be reached or refuses the login
     * @throws io.forgeloom.error.DeadlineExceededException if a server did not answer in time
     * @throws java.util.concurrent.CancellationException if this thread was interrupted; the interrupt flag is set
     */
    public static Database open(DatabaseConfig config) {
        return open(config, Patience.DEFAULTS);
    }

    static Database open(DatabaseConfig config, Patience patience) {
        Objects.requireNonNull(config, "config");
        List<ServerStart> servers = ServerStart.all(config);
        ServerStart.check(servers, config);
        List<ConnectionPool> pools = servers.stream()
                .map(server -> server.newPool(config, patience, servers.get(0)))
                .toList();
        ConnectionPool primary = pools.get(0);
        LagWatch lagWatch = new LagWatch(primary, config.replicaOptions());
        List<Replica> replicas =
                pools.stream().skip(1).map(pool -> new Replica(pool, lagWatch)).toList();
        PrimaryFollower follower = servers.get(0).newFollower(primary, new PrimaryRole(primary));
        Database database =
                new Database(config, primary, follower, servers.get(0).walPages(), replicas, lagWatch);
        for (int i = 0; i < replicas.size(); i++) {
            servers.get(i + 1).tell(replicas.get(i), config);
        }
        for (int i = 0; i < pools.size(); i++) {
            servers.get(i).start(pools.get(i));
        }
        lagWatch.start(replicas);
        replicas.forEach(Replica::start);
        if (follower != null) {
            follower.start();
        }
        return database;
    }

    /**
     * The pool of the primary, which is a {@link javax.sql.DataSource}. With several
     * {@link DatabaseConfig.Builder#primaryUrls primaryUrls} it stays the same object, whichever server it leads to.
     */
    public ConnectionPool primary() {
        return primary;
    }

    /**
     * The pool to read from: the next replica in turn of those in rotation; the primary if there is none or
     * {@link DatabaseConfig#readFromReplica()} is off. What a replica shows may be behind the primary, by
     * {@link ReplicaOptions#maxLag()} at most if that is set. The primary instead of a replica is limited to
     * {@link ReplicaOptions#maxPrimaryReadShare()} connections.
     *
     * <p>A replica leaves the rotation the moment that a connection to it fails, is tried at once by a thread of its own,
     * and comes back when it answers. One that hangs leaves it within a second of somebody waiting for it. While it is
     * down its pool refuses everyone at once; nobody waits there.
     */
    public ConnectionPool readPool() {
        return router.choose();
    }

    /**
     * The servers to read from as a {@link DataSource} for code that knows JDBC only: each connection is of the pool that
     * {@link #readPool()} would choose, or of the next one if that refuses because its server is down. What happens to a
     * connection afterwards is the user's; only {@link #read(ConnectionFunction)} moves on by itself.
     */
    public DataSource reads() {
        return readsDataSource;
    }

    /** As {@link #read(ReadOptions, ConnectionFunction)} with every default. */
    public <T extends @Nullable Object, X extends Exception> T read(ConnectionFunction<T, X> function) throws X {
        return read(ReadOptions.DEFAULTS, function);
    }

    /**
     * Runs {@code function}, which only reads, on a connection of the next replica in turn, or of the primary if there is
     * none in rotation, and releases it. Each statement sees what that server has replayed by then; with
     * {@link ReadOptions#after(CommitPosition)} that is the commit at least.
     *
     * <p>A server that is down, or goes down while this waits for a connection, is passed over. If the connection dies under the function, or the replica
     * cancels it because it is in the way of its recovery, the function is called once more from its start, on another server if there is one: unless
     * a row has reached it (or a value of a {@link java.sql.CallableStatement}, or the driver's own connection), it is
     * {@linkplain ReadOptions#notRepeatable() not repeatable}, or this thread was interrupted.
     *
     * @return what the function returns
     * @throws X what the function throws beside {@link SQLException}
     * @throws DatabaseException for an {@link SQLException} of the function; it names the server
     * @throws AcquireException if there is no connection
     */
    public <T extends @Nullable Object, X extends Exception> T read(
            ReadOptions options, ConnectionFunction<T, X> function) throws X {
        return reads.run(options, function);
    }

    /** The primary for a read that no replica is up to date enough for: within the cap, and never a stale replica. */
    ConnectionPool primaryForReads() {
        return router.primaryForReads();
    }

    /** What limits reads on the primary; null if nothing does. For tests. */
    @Nullable
    ReadShare readShare() {
        return router.share();
    }

    /** {@link DatabaseConfig#serviceName()}: the name under which the servers show the sessions of this. */
    public String serviceName() {
        return config.serviceName();
    }

    /** The replicas in the order of the configuration, as of now. */
    public List<ReplicaStatus> replicas() {
        return router.status();
    }

    /**
     * Runs {@code function} on a connection of the primary and releases it. No transaction is begun: each statement
     * commits by itself, unless the function turns auto-commit off, and then what it does not commit is rolled back.
     *
     * @return what the function returns
     * @throws X what the function throws beside {@link SQLException}
     * @throws DatabaseException for an {@link SQLException} of the function
     * @throws AcquireException if there is no connection
     */
    public <T extends @Nullable Object, X extends Exception> T withConnection(ConnectionFunction<T, X> function)
            throws X {
        ConnectionHandle connection = primary.lease(primary.acquireDeadline());
        try {
            return function.apply(connection);
        } catch (SQLException e) {
            throw new DatabaseException(e);
        } finally {
            connection.release();
        }
    }

    /** As {@link #inTransaction(TransactionOptions, TransactionFunction)} with every default. */
    public <T extends @Nullable Object, X extends Exception> T inTransaction(TransactionFunction<T, X> function)
            throws X {
        return inTransaction(TransactionOptions.DEFAULTS, function);
    }

    /**
     * Runs {@code function} in a transaction on the primary: commits if it returns, rolls back if it throws, and runs it
     * again if the server ended the transaction for the sake of another (40001, 40P01), each time after a random wait.
     * The failures of earlier attempts are suppressed on the last one.
     *
     * @return what the function returned in the attempt that was committed
     * @throws X what the function throws beside {@link SQLException}
     * @throws DatabaseException for an {@link SQLException} of the function or of the commit
     * @throws io.forgeloom.error.DeadlineExceededException if it was not done within {@link TransactionOptions#timeout()}
     * @throws CommitOutcomeUnknownException if the connection was lost during COMMIT
     * @throws AcquireException if there is no connection
     * @throws java.util.concurrent.CancellationException if this thread was interrupted before the COMMIT; it is rolled
     *     back, and the interrupt flag is set
     * @throws IllegalStateException if this thread is inside a transaction of this database already
     */
    public <T extends @Nullable Object, X extends Exception> T inTransaction(
            TransactionOptions options, TransactionFunction<T, X> function) throws X {
        return transactions.run(options, function);
    }

    /**
     * The transaction of this database whose function the calling thread runs; empty outside of one. What the function has
     * other threads do is outside of it.
     */
    public Optional<Transaction> currentTransaction() {
        return transactions.current();
    }

    /** As {@link #inTransactionWithPosition(TransactionOptions, TransactionFunction)} with every default. */
    public <T extends @Nullable Object, X extends Exception> Committed<T> inTransactionWithPosition(
            TransactionFunction<T, X> function) throws X {
        return inTransactionWithPosition(TransactionOptions.DEFAULTS, function);
    }

    /**
     * As {@link #inTransaction(TransactionOptions, TransactionFunction)}, and says where in the log the commit is, so that
     * whoever reads {@linkplain ReadOptions#after(CommitPosition) after} that sees it on a replica, too. The position is
     * asked for in the same message as the COMMIT.
     *
     * <p>If the connection is lost right after the commit, the position is asked for over another; if there is none to be
     * had within the acquire timeout, it is one that no replica ever reaches, so that reads after it go to the primary.
     *
     * @throws X what the function throws beside {@link SQLException}
     */
    public <T extends @Nullable Object, X extends Exception> Committed<T> inTransactionWithPosition(
            TransactionOptions options, TransactionFunction<T, X> function) throws X {
        return transactions.runWithPosition(options, function);
    }

    /**
     * What became of a transaction whose commit went unanswered. Asks the primary until it has ended, up to
     * {@code timeout}.
     *
     * @throws DatabaseException if the primary could not be asked
     * @throws AcquireException if there is no connection
     */
    public CommitOutcome commitOutcome(TransactionId id, Duration timeout) {
        return transactions.outcomeOf(id, Deadline.after(timeout));
    }

    /**
     * Asks every server at the same time whether it answers, through its pool, and waits for that at most 2 s. A pool
     * that is exhausted counts as a server that does not answer.
     *
     * @throws InterruptedException if this thread was interrupted
     */
    public DatabaseHealth health() throws InterruptedException {
        Deadline deadline = Deadline.after(HEALTH_TIMEOUT);
        List<ConnectionPool> pools = new ArrayList<>();
        pools.add(primary);
        replicas.forEach(replica -> pools.add(replica.pool()));
        // One second beyond the deadline of each answer, so that a subtask itself says what it waited for.
        try (TaskScope scope = TaskScope.open("forgeloom-health", Deadline.after(HEALTH_TIMEOUT.plusSeconds(1)))) {
            List<TaskScope.Subtask<DatabaseHealth.Server>> answers = pools.stream()
                    .map(pool -> scope.<DatabaseHealth.Server>fork(
                            "forgeloom-health-" + pool.name(), () -> health(pool, deadline)))
                    .toList();
            scope.join();
            return new DatabaseHealth(
                    answers.stream().map(TaskScope.Subtask::get).toList());
        } catch (TimeoutException e) {
            String problem = "no answer within " + HEALTH_TIMEOUT.plusSeconds(1);
            return new DatabaseHealth(pools.stream()
                    .map(pool -> new DatabaseHealth.Server(
                            pool.name(), problem, HEALTH_TIMEOUT.plusSeconds(1), pool.stats()))
                    .toList());
        } catch (ExecutionException e) {
            throw new IllegalStateException("a health check must not throw", e.getCause());
        }
    }

    private static DatabaseHealth.Server health(ConnectionPool pool, Deadline deadline) {
        long begin = System.nanoTime();
        String problem = null;
        try {
            ConnectionHandle connection = pool.lease(deadline);
            try (Statement statement = connection.createStatement()) {
                connection.setNetworkTimeout(
                        Runnable::run, (int) Math.max(1, deadline.remaining().toMillis()));
                statement.execute("SELECT 1");
            } finally {
                connection.release();
            }
        } catch (AcquireException | SQLException e) {
            problem = String.valueOf(e.getMessage());
        }
        return new DatabaseHealth.Server(
                pool.name(), problem, Duration.ofNanos(System.nanoTime() - begin), pool.stats());
    }

    /** As {@link #close(Duration)} with {@link DatabaseConfig#closeTimeout()}. */
    @Override
    public void close() {
        close(config.closeTimeout());
    }

    /**
     * Refuses new work, waits up to {@code timeout} for the connections in use, cancels the statements of those that are
     * left, aborts whoever does not come back then, and ends every session and thread; all pools at the same time. Takes at
     * most a second more than the timeout; a thread that is looking up a host's name, which nothing can interrupt, is then
     * left to end by itself, with a warning. Doing it again does nothing. Interrupting it aborts the connections in use at
     * once; the interrupt flag stays set.
     *
     * @param timeout how long work in progress may go on; {@link Duration#ZERO} cancels at once
     */
    public void close(Duration timeout) {
        Deadline deadline = Deadline.after(timeout);
        router.close();
        // Whoever asks servers ends at once, but inside a name look-up, for which nobody waits long.
        ClosingWait end = new ClosingWait("database", AFTER_STOP);
        lagWatch.close(end);
        List<Thread> closers = new ArrayList<>();
        if (follower != null) {
            closers.add(Thread.ofVirtual()
                    .name("forgeloom-close-follow-primary")
                    .start(() -> follower.close(new ClosingWait("primary", AFTER_STOP))));
        }
        for (Replica replica : replicas) {
            closers.add(Thread.ofVirtual()
                    .name("forgeloom-close-" + replica.pool().name())
                    .start(() -> {
                        ClosingWait prober = new ClosingWait(replica.pool().name(), AFTER_STOP);
                        replica.close(prober);
                        prober.restoreInterrupt();
                        replica.pool().close(deadline);
                    }));
        }
        end.restoreInterrupt();
        primary.close(deadline);
        boolean interrupted = Thread.currentThread().isInterrupted();
        for (Thread closer : closers) {
            if (interrupted) {
                closer.interrupt();
            }
            while (closer.isAlive()) {
                try {
                    closer.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                    closer.interrupt();
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public String toString() {
        return "Database[" + primary + ", " + replicas.size() + " replicas]";
    }
}
