package io.forgeloom.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.Forge;
import io.forgeloom.ForgeConfig;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The example works, also while the runtime is closed and its figures are still asked for. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class MicrometerBridgeTest {

    @Test
    void gaugesShowTheFiguresOfTheMoment(TestDatabase database) throws Exception {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        DatabaseConfig pool = DatabaseConfig.builder(database.url()).poolSize(7).build();
        Forge forge = Forge.start(ForgeConfig.builder(pool).nodeId("here").build());
        try (forge) {
            new MicrometerBridge(forge, registry).bind();
            assertEquals(7, value(registry, "db.client.connection.max"));
            assertEquals(1, value(registry, "forge.bus.connected"));
            assertEquals(0, value(registry, "forge.replicas"));
            Await.until("trims the log", () -> value(registry, "forge.roles") == 1);
            // The bus's, the election's, this one; now and then the runtime takes one for a moment.
            double used = forge.database().withConnection(c -> value(registry, "db.client.connection.used"));
            assertTrue(used >= 3 && used <= 7, () -> used + " in use");
        }
        assertEquals(0, value(registry, "forge.bus.connected"));
        assertEquals(0, value(registry, "db.client.connection.used"));
    }

    private static double value(SimpleMeterRegistry registry, String name) {
        return registry.get(name).tag("node", "here").gauge().value();
    }
}
