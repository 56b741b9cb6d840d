package io.forgeloom.testing.demo;

import io.forgeloom.database.Database;
import io.forgeloom.database.TransactionOptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongConsumer;

/**
 * Accounts and the entries of transfers between them, in a schema of its own. What a transfer does, and what must be true
 * after any number of them. Safe for use by many threads.
 */
final class Bank {

    static final int ACCOUNTS = 1_000;
    static final int OPENING_BALANCE = 1_000;

    private static final int FETCH_SIZE = 10_000;

    /** The source has not that much: the transaction is to be rolled back. */
    static final class Declined extends Exception {
        private static final long serialVersionUID = 1L;

        Declined() {
            super("insufficient balance", null, false, false);
        }
    }

    /** Money to be moved. */
    record Transfer(int source, int target, int amount) {

        static Transfer next(SplittableRandom random) {
            int source = random.nextInt(ACCOUNTS);
            int target = (source + 1 + random.nextInt(ACCOUNTS - 1)) % ACCOUNTS;
            return new Transfer(source, target, 1 + random.nextInt(100));
        }
    }

    private final String schema;
    private final String insertEntry;
    private final String debit;
    private final String credit;
    private final String entries;
    private final String balance;

    private Bank(String schema) {
        this.schema = schema;
        insertEntry = "INSERT INTO " + schema + ".entry (id, source, target, amount) VALUES (?, ?, ?, ?)";
        debit = "UPDATE " + schema + ".account SET balance = balance - ? WHERE id = ? AND balance >= ?";
        credit = "UPDATE " + schema + ".account SET balance = balance + ? WHERE id = ?";
        entries = "SELECT count(*) FROM " + schema + ".entry WHERE id = ?";
        balance = "SELECT balance FROM " + schema + ".account WHERE id = ?";
    }

    /** Creates the schema with all its accounts. */
    static Bank create(Database database) {
        String schema =
                "forge_demo_" + Long.toString(ThreadLocalRandom.current().nextLong(Long.MAX_VALUE), 36);
        // No unique index on the ids of entries: it would turn a duplicate into an error, and we want to see it.
        String tables = """
                CREATE SCHEMA %1$s;
                CREATE TABLE %1$s.account (id int PRIMARY KEY, balance int NOT NULL);
                CREATE TABLE %1$s.entry (id bigint NOT NULL, source int NOT NULL, target int NOT NULL, amount int NOT NULL);
                CREATE INDEX ON %1$s.entry (id);
                INSERT INTO %1$s.account SELECT n, %2$d FROM generate_series(0, %3$d) AS n
                """.formatted(schema, OPENING_BALANCE, ACCOUNTS - 1);
        database.inTransaction(transaction -> execute(transaction.connection(), tables));
        return new Bank(schema);
    }

    /** Removes all of it. */
    void drop(Database database) {
        database.inTransaction(transaction -> execute(transaction.connection(), """
                DROP TABLE %1$s.entry;
                DROP TABLE %1$s.account;
                DROP SCHEMA %1$s
                """.formatted(schema)));
    }

    /** One transfer, with its entry under {@code id}. Locks in the order of accounts, so there is no deadlock. */
    void transfer(Connection connection, long id, Transfer transfer) throws SQLException, Declined {
        try (PreparedStatement insert = connection.prepareStatement(insertEntry)) {
            insert.setLong(1, id);
            insert.setInt(2, transfer.source());
            insert.setInt(3, transfer.target());
            insert.setInt(4, transfer.amount());
            insert.executeUpdate();
        }
        if (transfer.source() < transfer.target()) {
            debit(connection, transfer);
            credit(connection, transfer);
        } else {
            credit(connection, transfer);
            debit(connection, transfer);
        }
    }

    private void debit(Connection connection, Transfer transfer) throws SQLException, Declined {
        try (PreparedStatement update = connection.prepareStatement(debit)) {
            update.setInt(1, transfer.amount());
            update.setInt(2, transfer.source());
            update.setInt(3, transfer.amount());
            if (update.executeUpdate() == 0) {
                throw new Declined();
            }
        }
    }

    private void credit(Connection connection, Transfer transfer) throws SQLException {
        try (PreparedStatement update = connection.prepareStatement(credit)) {
            update.setInt(1, transfer.amount());
            update.setInt(2, transfer.target());
            update.executeUpdate();
        }
    }

    /** How many entries that server has under {@code id}: 1 if it shows the transfer. */
    int rows(Connection connection, long id) throws SQLException {
        try (PreparedStatement select = connection.prepareStatement(entries)) {
            select.setLong(1, id);
            return number(select);
        }
    }

    int balance(Connection connection, int account) throws SQLException {
        try (PreparedStatement select = connection.prepareStatement(balance)) {
            select.setInt(1, account);
            return number(select);
        }
    }

    private static int number(PreparedStatement select) throws SQLException {
        try (ResultSet row = select.executeQuery()) {
            row.next();
            return row.getInt(1);
        }
    }

    /** Tells the id of every entry, in no order. */
    void forEachId(Database database, LongConsumer consumer) {
        database.inTransaction(TransactionOptions.builder().readOnly(true).build(), transaction -> {
            try (Statement statement = transaction.connection().createStatement()) {
                statement.setFetchSize(FETCH_SIZE);
                try (ResultSet rows = statement.executeQuery("SELECT id FROM " + schema + ".entry")) {
                    while (rows.next()) {
                        consumer.accept(rows.getLong(1));
                    }
                }
            }
            return null;
        });
    }

    /**
     * The money after the load.
     *
     * @param total of all accounts
     * @param wrongBalances accounts whose balance is not what their entries make it
     */
    record Audit(long total, long wrongBalances) {

        static final long EXPECTED_TOTAL = (long) ACCOUNTS * OPENING_BALANCE;
    }

    Audit audit(Database database) {
        String sql = """
                WITH moved AS (
                    SELECT account, sum(amount) AS amount
                    FROM (SELECT target AS account, amount FROM %1$s.entry
                          UNION ALL
                          SELECT source, -amount FROM %1$s.entry) AS both_sides
                    GROUP BY account)
                SELECT sum(balance), count(*) FILTER (WHERE balance <> %2$d + coalesce(amount, 0))
                FROM %1$s.account LEFT JOIN moved ON account = id
                """.formatted(schema, OPENING_BALANCE);
        return database.withConnection(connection -> {
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(sql)) {
                row.next();
                return new Audit(row.getLong(1), row.getLong(2));
            }
        });
    }

    @Override
    public String toString() {
        return "schema " + schema;
    }

    private static Void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
        return null;
    }
}
