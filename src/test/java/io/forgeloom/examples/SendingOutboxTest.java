package io.forgeloom.examples;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.sun.net.httpserver.HttpServer;
import io.forgeloom.Forge;
import io.forgeloom.ForgeConfig;
import io.forgeloom.changelog.ConsumerTakenOverException;
import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The example works, and is as safe as it says. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class SendingOutboxTest {

    private interface Wait {
        void await() throws InterruptedException;
    }

    private final List<String> got = new CopyOnWriteArrayList<>();
    private final AtomicInteger status = new AtomicInteger(204);
    private final HttpClient http = HttpClient.newHttpClient();
    private HttpServer endpoint;
    private Forge forge;
    private volatile Wait beforeAnswer = () -> {};

    @BeforeEach
    void open(TestDatabase database) throws Exception {
        endpoint = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        endpoint.createContext("/", exchange -> {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            if (status.get() == 204) {
                got.add(exchange.getRequestHeaders().getFirst("Idempotency-Key") + " " + body);
            }
            try {
                beforeAnswer.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            exchange.sendResponseHeaders(status.get(), -1);
            exchange.close();
        });
        endpoint.setExecutor(task -> Thread.ofVirtual().name("endpoint").start(task));
        endpoint.start();
        forge = Forge.start(ForgeConfig.builder(database.url()).build());
        database.execute("CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)");
        forge.changes().track("outbox", TrackOptions.DEFAULTS);
    }

    @AfterEach
    void close() {
        forge.close();
        endpoint.stop(0);
        http.close();
    }

    private static void write(TestDatabase database, String body) throws Exception {
        database.execute("INSERT INTO outbox (body) VALUES ('" + body + "')");
    }

    private SendingOutbox outbox() {
        URI address = URI.create("http://127.0.0.1:" + endpoint.getAddress().getPort() + "/");
        return new SendingOutbox(forge, http, address);
    }

    private FutureTask<String> start(SendingOutbox outbox) {
        FutureTask<String> run = new FutureTask<>(() -> {
            outbox.run();
            return "ended";
        });
        Thread.ofVirtual().name("outbox").start(run);
        return run;
    }

    /** Behind the last message, and so that nothing is sent again. */
    private void awaitCommitted() throws InterruptedException {
        Await.until(
                "commit",
                () -> forge.changes().stats().consumers().stream()
                        .allMatch(consumer -> requireNonNull(consumer.lag()).rows() == 0));
    }

    @Test
    void whatIsCommittedArrivesOnceAndWhatIsRolledBackNever(TestDatabase database) throws Exception {
        write(database, "before");
        FutureTask<String> run = start(outbox());
        Await.until("first message", () -> got.size() == 1);
        database.execute("BEGIN; INSERT INTO outbox (body) VALUES ('never'); ROLLBACK");
        write(database, "after");
        Await.until("second message", () -> got.size() == 2);
        awaitCommitted();
        run.cancel(true);
        assertEquals(List.of("1 before", "3 after"), got);
    }

    @Test
    void aMessageThatIsRefusedIsSentByTheNextRun(TestDatabase database) throws Exception {
        write(database, "a");
        status.set(503);
        IOException refused = assertThrows(IOException.class, () -> outbox().run());
        assertEquals("message 1 was answered with 503", refused.getMessage());
        write(database, "b");
        status.set(204);
        FutureTask<String> run = start(outbox());
        Await.until("both", () -> got.size() == 2);
        awaitCommitted();
        run.cancel(true);
        assertEquals(List.of("1 a", "2 b"), got);
    }

    /** The limit that the example states: the answer came, the commit did not. */
    @Test
    void whoLosesTheNameBetweenAnswerAndCommitHasSentWhatTheNextOneSendsAgain(TestDatabase database) throws Exception {
        write(database, "a");
        CountDownLatch taken = new CountDownLatch(1);
        beforeAnswer = taken::await;
        FutureTask<String> first = start(outbox());
        Await.until("first sending", () -> got.size() == 1);
        FutureTask<String> second = start(outbox());
        Await.until("second sending", () -> got.size() == 2);
        taken.countDown();
        ExecutionException lost = assertThrows(ExecutionException.class, () -> first.get(20, TimeUnit.SECONDS));
        assertInstanceOf(ConsumerTakenOverException.class, lost.getCause());
        awaitCommitted();
        second.cancel(true);
        assertEquals(List.of("1 a", "1 a"), got);
    }
}
