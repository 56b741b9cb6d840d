package io.forgeloom.testing;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

@Tag("slow")
class ContainerServerTest extends TestServerContract {

    private static @Nullable ContainerServer container;

    @BeforeAll
    static void startContainer() {
        ContainerServer.assumeAvailable();
        container = ContainerServer.start();
    }

    @AfterAll
    static void endContainer() {
        if (container != null) {
            container.close();
        }
    }

    @Override
    TestServer server() {
        assert container != null;
        return container;
    }
}
