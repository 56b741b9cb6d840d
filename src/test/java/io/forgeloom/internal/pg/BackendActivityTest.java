package io.forgeloom.internal.pg;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.BackendActivity.State;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whose backend it is decides what its absence means. */
@Timeout(30)
@WithDatabase
class BackendActivityTest {

    private static PgSession connect(TestDatabase server) throws Exception {
        return new PgConnector(PgUrl.parse("url", server.url()), "test", Map.of())
                .connect(Deadline.after(Duration.ofSeconds(10)));
    }

    private static State seen(PgSession asked, Backend backend) throws Exception {
        BackendActivity activity =
                BackendActivity.look(asked, List.of(backend, asked.backend())).get(backend);
        return activity == null ? State.UNKNOWN : activity.state();
    }

    @Test
    void aBackendIsIdleOrGoneOrAnotherServers(TestDatabase server) throws Exception {
        try (PgSession asked = connect(server);
                PgSession other = connect(server)) {
            Backend own = asked.backend();
            Backend backend = other.backend();
            assertEquals(State.WORKING, seen(asked, own));
            assertEquals(State.IDLE, seen(asked, backend));
            // The process id was given again.
            assertEquals(
                    State.GONE,
                    seen(asked, new Backend(backend.pid(), backend.started().minusMillis(1), own.server())));
            // The server was started anew.
            Backend.Server before = new Backend.Server(
                    own.server().address(), own.server().started().minusSeconds(1));
            assertEquals(State.GONE, seen(asked, new Backend(backend.pid(), backend.started(), before)));
            // A balancer led us elsewhere.
            Backend.Server elsewhere =
                    new Backend.Server("10.0.0.1:5432", own.server().started());
            assertEquals(State.UNKNOWN, seen(asked, new Backend(backend.pid(), backend.started(), elsewhere)));
        }
    }

    @Test
    void onlyTheVeryBackendIsEnded(TestDatabase server) throws Exception {
        try (PgSession asked = connect(server);
                PgSession other = connect(server)) {
            Backend backend = other.backend();
            Backend earlier = new Backend(backend.pid(), backend.started().minusMillis(1), backend.server());
            assertEquals(Set.of(), BackendActivity.terminate(asked, List.of(earlier)));
            assertEquals(true, other.answers(Duration.ofSeconds(5)));
            assertEquals(Set.of(backend), BackendActivity.terminate(asked, List.of(backend)));
            assertEquals(false, other.answers(Duration.ofSeconds(5)));
        }
    }
}
