package io.forgeloom.database;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.forgeloom.testing.ContainerServer;
import io.forgeloom.testing.TestServer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** The suite on PostgreSQL in a container. */
@Tag("slow")
class DatabaseContainerTest extends DatabaseSuite {

    private static @Nullable ContainerServer container;

    @BeforeAll
    static void startContainer() {
        assumeTrue(ContainerServer.isAvailable(), "skipped: no container engine");
        container = ContainerServer.start();
    }

    @AfterAll
    static void stopContainer() {
        if (container != null) {
            container.close();
        }
    }

    @Override
    TestServer server() {
        return java.util.Objects.requireNonNull(container);
    }
}
