package io.forgeloom.database;

import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgUrl;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The router of {@link Database#readPool()} over pools that are never started: a choice touches no server. Safe for use by
 * many threads.
 */
public final class RouterWithoutServers {

    private static final String URL = "jdbc:postgresql://127.0.0.1/none?user=none";

    private final ReadRouter router;

    /** A primary and {@code count} replicas, the first {@code out} of which are out of rotation. */
    public RouterWithoutServers(int count, int out) {
        ConnectionPool primary = pool("primary");
        LagWatch lagWatch = new LagWatch(primary, ReplicaOptions.DEFAULTS);
        List<Replica> replicas = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            replicas.add(new Replica(pool("replica-" + i), lagWatch));
        }
        router = new ReadRouter(primary, replicas, lagWatch, config());
        replicas.subList(0, out).forEach(replica -> replica.suspected("for the measurement"));
    }

    private static DatabaseConfig config() {
        return DatabaseConfig.builder(URL)
                .replicaUrls(List.of(URL))
                .readFromReplica(true)
                .build();
    }

    private static ConnectionPool pool(String name) {
        PgConnector connector = new PgConnector(PgUrl.parse("url", URL), "forgeloom", Map.of());
        return new ConnectionPool(
                name, config(), 10, 0, connector, new HarmlessFunctions(Set.of(), Set.of(), true), Patience.DEFAULTS);
    }

    /** The pool for the next read. */
    public ConnectionPool choose() {
        return router.choose();
    }
}
