package io.forgeloom.changelog;

import io.forgeloom.database.ConnectionFunction;
import io.forgeloom.database.Database;
import io.forgeloom.database.Identifier;
import io.forgeloom.database.IsolationLevel;
import io.forgeloom.database.TransactionOptions;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.notify.SubscriptionOptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The log of what was committed to tracked tables: each changed row once, in the order of commits for each row of a table.
 *
 * <p>{@link #track} makes triggers on a table that write the log in the writer's transaction. {@link #drain} reads what is
 * there behind a position, {@link #follow} waits for more, {@link #snapshotThenFollow} begins with a copy and goes on
 * exactly behind it. Positions are values; {@link #consumer} stores them in the consumer's own
 * transaction.
 *
 * <p>The log is kept for an hour by default, by {@link #retain} on one node, or {@link #trim}; a reader whose rows are
 * gone is told so by a {@link Resync}.
 *
 * <p>Safe for use by many threads.
 */
public final class ChangeLog {

    /** How long rows are kept where nobody says otherwise: an hour. */
    public static final Duration RETENTION = Duration.ofHours(1);

    /** What writers ring. */
    static final String CHANNEL = "forge_changes";

    /** Held shared while a hold is registered, and by whoever trims. */
    static final String SHARE_TRIM_LOCK = "SELECT pg_catalog.pg_advisory_xact_lock_shared(77306496745497)";

    static final TransactionOptions EACH_STATEMENT_SEES = TransactionOptions.builder()
            .isolation(IsolationLevel.READ_COMMITTED)
            .build();

    private final Database database;
    private final NotifyBus bus;

    /** Null until the schema has been asked for; every thread finds the same. */
    private volatile @Nullable LogSql known;

    private ChangeLog(Database database, NotifyBus bus, @Nullable LogSql known) {
        this.database = Objects.requireNonNull(database, "database");
        this.bus = Objects.requireNonNull(bus, "bus");
        this.known = known;
        bus.addChannels(CHANNEL);
    }

    /**
     * The log in the schema that the URL of {@code database} leads to.
     *
     * @param bus on which sleeping followers are woken; gets the channel {@code forge_changes}
     */
    public static ChangeLog of(Database database, NotifyBus bus) {
        return new ChangeLog(database, bus, null);
    }

    /** The log in {@code schema}, where {@link io.forgeloom.migrate.Migrator.Builder#schema} has put it. */
    public static ChangeLog of(Database database, NotifyBus bus, Identifier schema) {
        return new ChangeLog(database, bus, new LogSql(schema));
    }

    LogSql sql() {
        LogSql sql = known;
        if (sql == null) {
            sql = new LogSql(new Identifier(database.withConnection(c -> text(c, LogSql.HOME))));
            known = sql;
        }
        return sql;
    }

    private static String text(Connection connection, String question) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(question)) {
            row.next();
            String answer = row.getString(1);
            if (answer == null) {
                throw new SQLException("the search_path of the URL leads to no schema: name one", "3F000");
            }
            return answer;
        }
    }

    // ---- tracking ----

    /**
     * Logs what is written to {@code table} from the commit of this on. Does nothing if it is so already; other options, or
     * columns that were added, renew the trigger function without a lock on the table. The first time waits for
     * writers of the table, up to 5 s.
     *
     * @param table as SQL spells it, found by the {@code search_path} if it has no schema: {@code orders},
     *     {@code shop."Order Items"}. Has a primary key, or a unique index on columns that are NOT NULL
     * @throws io.forgeloom.error.DatabaseException if it cannot be tracked, saying why; if this role may not
     */
    public void track(String table, TrackOptions options) {
        LogSql sql = sql();
        database.inTransaction(EACH_STATEMENT_SEES, transaction -> {
            try (Statement limit = transaction.connection().createStatement();
                    PreparedStatement statement = transaction.connection().prepareStatement(sql.track)) {
                limit.execute("SET LOCAL lock_timeout = '5s'");
                statement.setString(1, table);
                statement.setString(2, options.mode().name().toLowerCase(Locale.ROOT));
                statement.setBoolean(3, options.changedColumns());
                return statement.execute();
            }
        });
    }

    /**
     * Logs no more of {@code table}; what was logged stays. Waits for writers of the table, up to 5 s.
     *
     * @return whether it was tracked
     */
    public boolean untrack(String table) {
        LogSql sql = sql();
        return database.inTransaction(EACH_STATEMENT_SEES, transaction -> {
            try (Statement limit = transaction.connection().createStatement();
                    PreparedStatement statement = transaction.connection().prepareStatement(sql.untrack)) {
                limit.execute("SET LOCAL lock_timeout = '5s'");
                statement.setString(1, table);
                try (ResultSet row = statement.executeQuery()) {
                    row.next();
                    return row.getBoolean(1);
                }
            }
        });
    }

    /** The tables that are tracked, by name. */
    public List<TrackedTable> tracked() {
        LogSql sql = sql();
        return database.withConnection(connection -> {
            try (PreparedStatement statement = connection.prepareStatement(sql.tracked)) {
                statement.setString(1, sql.home);
                List<TrackedTable> tables = new ArrayList<>();
                try (ResultSet row = statement.executeQuery()) {
                    while (row.next()) {
                        TrackOptions.Mode mode =
                                TrackOptions.Mode.valueOf(row.getString(2).toUpperCase(Locale.ROOT));
                        tables.add(new TrackedTable(row.getString(1), new TrackOptions(mode, row.getBoolean(3))));
                    }
                }
                return tables;
            }
        });
    }

    // ---- positions and readers ----

    /** Behind all that is committed now. */
    public ChangePosition now() {
        LogSql sql = sql();
        return database.withConnection(connection -> now(connection, sql));
    }

    static ChangePosition now(Connection connection, LogSql sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.headAndFloor);
                ResultSet row = statement.executeQuery()) {
            row.next();
            LogHead head = LogHead.of(row);
            LogReader.flush(connection, sql);
            return new ChangePosition(head.epoch(), head.trims(), head.snapshot(), null, row.getLong(6), 0);
        }
    }

    /** Before everything that the log has now. */
    public ChangePosition start() {
        LogSql sql = sql();
        return database.withConnection(connection -> {
            LogHead head = LogReader.head(connection, sql);
            LogReader.flush(connection, sql);
            return new ChangePosition(head.epoch(), head.trims(), Snapshot.NOTHING, head.snapshot(), 0, 0);
        });
    }

    /** Reads from {@code position} to the end of the log, in batches of 5,000. */
    public ChangeDrain drain(ChangePosition position) {
        return drain(position, FollowOptions.DEFAULTS);
    }

    /** As {@link #drain(ChangePosition)}, in other batches. */
    public ChangeDrain drain(ChangePosition position, FollowOptions options) {
        return new ChangeDrain(new LogReader(database, sql(), position, options.batchSize()));
    }

    /** Reads from {@code position} and waits for more. To be woken, the bus must be started. */
    public ChangeFollower follow(ChangePosition position, FollowOptions options) {
        return follower(position, options, null);
    }

    private ChangeFollower follower(ChangePosition position, FollowOptions options, @Nullable Hold hold) {
        LogSql sql = sql();
        return new ChangeFollower(
                new LogReader(database, sql, position, options.batchSize()),
                bus.subscribe(SubscriptionOptions.signal(), CHANNEL),
                new Doze(database, sql, options),
                hold);
    }

    /**
     * Copies the state and follows what comes after it: what {@code copy} sees, in a transaction that is REPEATABLE READ
     * and READ ONLY, is not given by the follower, and everything else is, once. Trimming is held back from before
     * the copy begins until the follower has caught up, for at most five minutes between two of its looks.
     *
     * @param copy reads the tracked tables on the connection it is given, and neither commits nor closes it; called once,
     *     on the caller's thread
     * @throws X what {@code copy} throws beside {@link SQLException}; then nothing is held
     */
    public <T extends @Nullable Object, X extends Exception> ChangeSeam<T> snapshotThenFollow(
            FollowOptions options, ConnectionFunction<T, X> copy) throws X {
        LogSql sql = sql();
        AtomicReference<@Nullable Hold> holding = new AtomicReference<>();
        ChangeSeam<T> seam = null;
        try {
            Copy<T> made = database.withConnection(connection -> {
                Hold hold = Hold.begin(database, new Identifier(sql.home), connection);
                holding.set(hold);
                connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
                connection.setReadOnly(true);
                ChangePosition position = now(connection, sql);
                T value = copy.apply(connection);
                connection.rollback();
                connection.setReadOnly(false);
                hold.copied(connection);
                return new Copy<>(value, position);
            });
            ChangeFollower follower = follower(made.position, options, holding.get());
            seam = new ChangeSeam<>(made.value, made.position, follower);
            return seam;
        } finally {
            Hold hold = holding.get();
            if (seam == null && hold != null) {
                hold.release();
            }
        }
    }

    private record Copy<T extends @Nullable Object>(T value, ChangePosition position) {}

    // ---- consumers ----

    /**
     * The consumer of that name, from now on this one: where it was known it goes on where that one has committed last, and
     * waits for a commit of it that is under way.
     *
     * @param name 1 to 63 bytes of UTF-8, not beginning with {@code pg_}
     * @throws ConfigurationException if the name is not so
     */
    public ChangeConsumer consumer(String name, ConsumerOptions options) {
        return ChangeConsumer.takeOver(this, database, sql(), new Identifier(name).name(), options);
    }

    /**
     * Forgets a consumer, which then holds nothing back and can commit no more.
     *
     * @return whether there was one
     */
    public boolean dropConsumer(String name) {
        LogSql sql = sql();
        return database.withConnection(connection -> {
            try (PreparedStatement statement = connection.prepareStatement(sql.drop)) {
                statement.setString(1, name);
                return statement.executeUpdate() > 0;
            }
        });
    }

    // ---- what is kept ----

    /** The lowest number in the log; empty if the log is. */
    public OptionalLong minSeq() {
        return number(sql().minSeq);
    }

    /** The highest number of a committed row in the log; empty if the log is. */
    public OptionalLong maxSeq() {
        return number(sql().maxSeq);
    }

    private OptionalLong number(String question) {
        return database.withConnection(connection -> {
            try (PreparedStatement statement = connection.prepareStatement(question);
                    ResultSet row = statement.executeQuery()) {
                return row.next() ? OptionalLong.of(row.getLong(1)) : OptionalLong.empty();
            }
        });
    }

    /**
     * Takes out what was logged before {@code before}, a slot at a time: what shares one with younger rows stays, and so do
     * 1,000 rows, and what a consumer that holds has not passed. A reader that has not seen what went is told so, and one
     * of which that is not certain, because a transaction ended between its last look and this, of whatever database.
     */
    public TrimResult trim(Instant before) {
        return new LogTrim(database, sql()).before(before);
    }

    /**
     * As {@link #trim}, what is older than {@code retention} by the server's clock, in the gentle way for a regular run, on
     * one node, as often as each minute: what was committed within the last minute stays, however long ago it was written,
     * so that nobody who looks that often is told to start anew; and writers turn to another slot six times a
     * retention.
     */
    public TrimResult compact(Duration retention) {
        return new LogTrim(database, sql()).compact(retention, grace(retention));
    }

    static Duration grace(Duration retention) {
        return retention.compareTo(Duration.ofHours(1)) < 0 ? retention.dividedBy(60) : Duration.ofMinutes(1);
    }

    /**
     * Compacts again and again, every minute (of a retention below an hour, a sixtieth of it), until this thread is interrupted. What
     * the leader of {@code log_compactor} does, of which one in the cluster is enough:
     *
     * {@snippet :
     * election.whileLeader(LeaderRole.LOG_COMPACTOR, leadership -> log.retain(ChangeLog.RETENTION));
     * }
     *
     * <p>What is in the way three times in a row is logged as a warning; an outage does not end it.
     *
     * @param retention one second to ten years; {@link #RETENTION} by default
     * @throws ConfigurationException if it is not
     * @throws InterruptedException always, in the end
     */
    public void retain(Duration retention) throws InterruptedException {
        ConfigurationException.requireBetween("retention", retention, Duration.ofSeconds(1), Duration.ofDays(3650));
        new Retention(this, retention).run();
    }

    @Override
    public String toString() {
        LogSql sql = known;
        return "ChangeLog[" + (sql == null ? "" : sql.home) + "]";
    }

    // ---- how it is ----

    /** What the log holds and who reads it, at the cost of some index look-ups, whatever its size. */
    public ChangeLogStats stats() {
        LogStats stats = new LogStats(sql());
        return database.withConnection(stats::read);
    }
}
