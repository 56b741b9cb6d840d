package io.forgeloom.changelog;

import io.forgeloom.database.Database;
import io.forgeloom.database.IsolationLevel;
import io.forgeloom.database.TransactionOptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.Objects;
import java.util.UUID;

/**
 * A consumer whose position is kept in the database. It stores the position in the transaction in which it does what the
 * rows ask for, so that the effect in that database is exactly once, whatever dies when. Made by
 * {@link ChangeLog#consumer}, which takes the name over from whoever has had it: that one can commit no more.
 *
 * <p>Safe for use by many threads; who reads and commits is one.
 */
public final class ChangeConsumer {

    private static final TransactionOptions READ_COMMITTED = TransactionOptions.builder()
            .isolation(IsolationLevel.READ_COMMITTED)
            .build();

    private final ChangeLog log;
    private final Database database;
    private final LogSql sql;
    private final String name;
    private final UUID owner;

    private ChangeConsumer(ChangeLog log, Database database, LogSql sql, String name, UUID owner) {
        this.log = log;
        this.database = database;
        this.sql = sql;
        this.name = name;
        this.owner = owner;
    }

    static ChangeConsumer takeOver(ChangeLog log, Database database, LogSql sql, String name, ConsumerOptions options) {
        UUID owner = UUID.randomUUID();
        database.inTransaction(READ_COMMITTED, transaction -> {
            // So that no trim comes in between that does not see the row.
            try (PreparedStatement lock = transaction.connection().prepareStatement(ChangeLog.SHARE_TRIM_LOCK);
                    PreparedStatement insert = transaction.connection().prepareStatement(sql.takeOver)) {
                lock.execute();
                ChangePosition from =
                        options.from() == null ? ChangeLog.now(transaction.connection(), sql) : options.from();
                insert.setString(1, name);
                insert.setString(2, from.toString());
                insert.setObject(3, from.previous().sql(), Types.OTHER);
                insert.setBoolean(4, options.whenBehind() == ConsumerOptions.WhenBehind.HOLD);
                insert.setObject(5, owner);
                return insert.executeUpdate();
            }
        });
        return new ChangeConsumer(log, database, sql, name, owner);
    }

    /** The name. */
    public String name() {
        return name;
    }

    /**
     * The position that was committed last.
     *
     * @throws ConsumerTakenOverException if the name is another one's
     */
    public ChangePosition position() {
        return database.withConnection(connection -> {
            try (PreparedStatement statement = connection.prepareStatement(sql.positionOf)) {
                statement.setString(1, name);
                statement.setObject(2, owner);
                try (ResultSet row = statement.executeQuery()) {
                    if (!row.next()) {
                        throw new ConsumerTakenOverException(name);
                    }
                    return ChangePosition.parse(Objects.requireNonNull(row.getString(1)));
                }
            }
        });
    }

    /**
     * Stores a position in the open transaction of {@code connection}; it counts if that commits. Once for each batch is
     * enough, and now and then where nothing comes.
     *
     * @throws ConsumerTakenOverException if the name is another one's; the transaction is to be rolled back
     * @throws SQLException as any statement of the transaction, to be passed on
     */
    public void commit(Connection connection, ChangePosition position) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.commit)) {
            statement.setString(1, position.toString());
            statement.setObject(2, position.previous().sql(), Types.OTHER);
            statement.setString(3, name);
            statement.setObject(4, owner);
            if (statement.executeUpdate() == 0) {
                throw new ConsumerTakenOverException(name);
            }
        }
    }

    /** Follows from {@link #position()} on. */
    public ChangeFollower follow(FollowOptions options) {
        return log.follow(position(), options);
    }

    /** Reads from {@link #position()} to the end of the log. */
    public ChangeDrain drain(FollowOptions options) {
        return log.drain(position(), options);
    }

    /** How far it is behind. */
    public ConsumerLag lag() {
        ChangePosition position = position();
        return database.withConnection(connection -> {
            try (PreparedStatement statement = connection.prepareStatement(sql.lag)) {
                statement.setLong(1, Math.max(position.floor(), position.last()));
                try (ResultSet row = statement.executeQuery()) {
                    row.next();
                    return new ConsumerLag(row.getLong(1), Duration.ofNanos(row.getLong(2) * 1000));
                }
            }
        });
    }

    @Override
    public String toString() {
        return "ChangeConsumer[" + name + "]";
    }
}
