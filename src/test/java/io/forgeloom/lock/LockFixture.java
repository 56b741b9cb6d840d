package io.forgeloom.lock;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;

/** What the tests of locks have in common. */
final class LockFixture {

    static final LockId ID = LockId.of(301_978_502_981L);

    private LockFixture() {}

    static Database open(TestServer server, int size) {
        return Database.open(DatabaseConfig.builder(server.url())
                .poolSize(size)
                .serviceName("locker")
                .build());
    }

    static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    static HeldLock take(Database db) {
        return AdvisoryLock.tryAcquire(db.primary(), ID).orElseThrow();
    }

    static int pid(Database db) {
        return AdvisoryLock.holder(db.primary(), ID).orElseThrow().pid();
    }

    static boolean isFree(Database db) {
        return AdvisoryLock.holder(db.primary(), ID).isEmpty();
    }

    /** Takes the lock as soon as it is free. */
    static HeldLock awaitAndTake(Database db) throws InterruptedException {
        Await.until("the lock free", () -> isFree(db));
        Optional<HeldLock> lock = AdvisoryLock.tryAcquire(db.primary(), ID);
        return lock.orElseThrow(() -> new AssertionError("free, and not to be had"));
    }
}
