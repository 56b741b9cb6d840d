package io.forgeloom.examples;

import io.forgeloom.Forge;
import io.forgeloom.changelog.Batch;
import io.forgeloom.changelog.ChangeOp;
import io.forgeloom.changelog.ChangeRow;
import io.forgeloom.changelog.ConsumerOptions;
import io.forgeloom.changelog.FollowOptions;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/**
 * POSTs what transactions wrote into the tracked table {@code outbox}, once they have committed. Each message at least once: again, if
 * its answer came but not the commit after it, or another process took the name over. So the endpoint must know keys that it has seen,
 * and not rely on order across transactions. A refused message holds up those behind it. After a failover look for any older than the log.
 */
record SendingOutbox(Forge forge, HttpClient http, URI endpoint) {

    /** Until interrupted. Returns after a resync, throws where a message is not taken: run it again after a pause. */
    void run() throws IOException, InterruptedException {
        // @start region="outbox"
        var log = forge.changes();
        var outbox = log.consumer("outbox", new ConsumerOptions(ConsumerOptions.WhenBehind.HOLD, log.start()));
        try (var follower = outbox.follow(FollowOptions.builder().batchSize(50).build())) {
            while (follower.take() instanceof Batch batch) {
                for (ChangeRow row : batch.rows()) {
                    if (row.op() == ChangeOp.INSERT) {
                        post(row.key().getFirst());
                    }
                }
                forge.database().inTransaction(tx -> {
                    outbox.commit(tx.connection(), batch.position()); // throws if another has the name
                    return batch.position();
                });
            }
        }
        log.dropConsumer("outbox"); // a Resync, as after a failover: all that the log has goes out once more
        // @end
    }

    private void post(String id) throws IOException, InterruptedException {
        String body = forge.database().withConnection(connection -> {
            try (var select = connection.prepareStatement("SELECT body FROM outbox WHERE id = ?::bigint")) {
                select.setString(1, id);
                var row = select.executeQuery();
                return row.next() ? row.getString(1) : "";
            }
        });
        var to =
                HttpRequest.newBuilder(endpoint).timeout(Duration.ofSeconds(10)).header("Idempotency-Key", id);
        var sent = http.send(to.POST(HttpRequest.BodyPublishers.ofString(body)).build(), BodyHandlers.discarding());
        if (sent.statusCode() / 100 != 2) {
            throw new IOException("message " + id + " was answered with " + sent.statusCode());
        }
    }
}
