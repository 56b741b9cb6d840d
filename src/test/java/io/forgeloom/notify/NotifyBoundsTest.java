package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;

/** Names and payloads up to PostgreSQL's bounds arrive as they are; beyond, the database never sees them. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class NotifyBoundsTest {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static final List<String> NAMES = List.of(
            "plain",
            "Capital Letters",
            "\"quoted\" \"\"twice\"\"",
            "it's; DROP TABLE x; --",
            "back\\slash\tand\nline",
            "Grüße 東京 🚀",
            "select",
            "%s ? $1 {0}",
            "x".repeat(63),
            "é".repeat(31) + "x",
            "🚀".repeat(15) + "東");

    private static final String TOO_LONG = "🚀".repeat(16);
    private static final String PAYLOAD_TOO_LONG = "é".repeat(4_000);

    private static Database open(TestDatabase database) {
        return Database.open(DatabaseConfig.builder(database.url()).poolSize(4).build());
    }

    private static List<String> payloads() {
        StringBuilder controls = new StringBuilder();
        for (char c = 1; c < 0x20; c++) {
            controls.append(c);
        }
        for (char c = 0x7f; c <= 0xa0; c++) {
            controls.append(c);
        }
        controls.append("\u2028\u2029\ufeff\ufffe\uffff");
        return List.of(
                "",
                " ",
                controls.toString(),
                "'; ROLLBACK; --\\",
                "x".repeat(7_999),
                "é".repeat(3_999) + "x",
                "🚀".repeat(1_999) + "東");
    }

    @Test
    void namesAndPayloadsArriveAsTheyAre(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, NAMES.toArray(String[]::new))) {
            bus.start();
            assertTrue(bus.awaitGeneration(1, PATIENCE));
            assertEquals(List.copyOf(NAMES), List.copyOf(bus.channels()));
            for (String name : NAMES) {
                try (Subscription subscription = bus.subscribe(name)) {
                    assertInstanceOf(Gap.class, subscription.take());
                    for (String payload : payloads()) {
                        db.inTransaction(tx -> {
                            NotifyBus.publish(tx.connection(), name, payload);
                            return null;
                        });
                        expect(subscription, name, payload);
                        bus.publishSoon(name, payload);
                        expect(subscription, name, payload);
                    }
                }
            }
        }
    }

    private static void expect(Subscription subscription, String channel, String payload) throws InterruptedException {
        Notification one =
                assertInstanceOf(Notification.class, subscription.poll(PATIENCE).orElseThrow());
        assertEquals(channel, one.channel());
        assertEquals(payload, one.payload());
        assertTrue(one.backendPid() > 0);
    }

    @Test
    void whatIsBeyondTheBoundsIsRefusedBeforeTheDatabaseSeesIt(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "plain");
                Connection connection = db.primary().acquire();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("CREATE TABLE public.t AS SELECT 1 AS i");
            for (String name :
                    List.of("", "x".repeat(64), "\u0800".repeat(21) + "x", TOO_LONG, "a\0b", "half \ud83d", "\ude80")) {
                refused("name", () -> NotifyBus.publish(connection, name, ""));
                refused("name", () -> bus.publishSoon(name, ""));
                refused("name", () -> bus.addChannels("good", name));
                refused("name", () -> NotifyBus.of(db, name));
                assertThrows(IllegalArgumentException.class, () -> bus.subscribe(name));
            }
            for (String payload : List.of(
                    "x".repeat(8_000),
                    "\u07ff".repeat(4_000),
                    "\u0800".repeat(2_667),
                    PAYLOAD_TOO_LONG,
                    "a\0b",
                    "half \ud83d",
                    "\ude80x")) {
                refused("payload", () -> NotifyBus.publish(connection, "plain", payload));
                refused("payload", () -> bus.publishSoon("plain", payload));
            }
            // The transaction has not failed.
            connection.commit();
            assertEquals(List.of("plain"), List.copyOf(bus.channels()), "all or nothing");
            assertEquals(0, bus.stats().pending());
        }
    }

    private static void refused(String what, Executable call) {
        String message = assertThrows(IllegalArgumentException.class, call).getMessage();
        List<String> expected = List.of("must have a name", "NUL", "surrogate", "more than PostgreSQL's");
        assertTrue(expected.stream().anyMatch(message::contains), what + ": " + message);
        assertEquals(-1, message.indexOf('\0'));
    }

    @Test
    void theMessageNamesTheBoundAndTheRemedy() {
        List<String> messages = new ArrayList<>();
        messages.add(assertThrows(IllegalArgumentException.class, () -> ChannelName.require(TOO_LONG))
                .getMessage());
        messages.add(assertThrows(IllegalArgumentException.class, () -> ChannelName.requirePayload(PAYLOAD_TOO_LONG))
                .getMessage());
        assertTrue(messages.get(0).contains("64 bytes"), messages.get(0));
        assertTrue(messages.get(0).contains("63; use a shorter name"), messages.get(0));
        assertTrue(messages.get(1).contains("8000 bytes"), messages.get(1));
        assertTrue(messages.get(1).contains("7999; store the content in a table"), messages.get(1));
    }

    /** PostgreSQL's own bounds are the ones that are checked here. */
    @Test
    void postgresRefusesOneByteMore(TestDatabase database) {
        for (String sql :
                List.of("SELECT pg_notify(repeat('x', 64), '')", "SELECT pg_notify('x', repeat('x', 8000))")) {
            assertThrows(SQLException.class, () -> database.execute(sql));
        }
    }
}
