package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.node.NodeConfig;
import io.forgeloom.node.NodeRegistry;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** {@code forge nodes}: what operators and programs read. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class NodesCommandTest {

    private static ForgeRun nodes(TestDatabase database, String... arguments) {
        return ForgeRun.of(Stream.concat(Stream.of("nodes", "--url", database.url()), Stream.of(arguments))
                .toArray(String[]::new));
    }

    @Test
    void nodesAreShownAsATableAndAsJson(TestDatabase database) throws Exception {
        ForgeRun missing = nodes(database);
        assertEquals(2, missing.exitCode());
        assertTrue(missing.err().contains("there is no table forge_nodes"), missing.err());

        SystemSchemaFiles.apply(database.url(), new Identifier("elsewhere"));
        ForgeRun none = nodes(database, "--schema", "elsewhere");
        assertEquals(0, none.exitCode(), none.err());
        assertEquals("no node is registered", none.out().strip());

        database.execute("INSERT INTO forge_nodes VALUES ('b', gen_random_uuid(), 'app', 'h\n', 7, '', 'active',"
                + " now(), now() - interval '1 minute', 15000)");
        NodeConfig config = NodeConfig.builder().nodeId("a \"1\"").version("2").build();
        try (Database db = Database.open(DatabaseConfig.builder(database.url())
                        .serviceName("app")
                        .poolSize(2)
                        .build());
                NodeRegistry registry = NodeRegistry.of(db, config)) {
            registry.start();
            Await.until("registered", () -> registry.nodes().size() == 2);
            List<String> lines = nodes(database).out().lines().toList();
            assertEquals(3, lines.size(), lines::toString);
            assertTrue(lines.getFirst().startsWith("NODE"), lines::toString);
            assertTrue(
                    lines.get(1)
                            .matches("a \"1\" +joining +app +\\S+ +"
                                    + ProcessHandle.current().pid() + " +2 +\\S+Z +\\d\\.\\d"),
                    lines::toString);
            assertTrue(lines.get(2).matches("b +dead +app +h\\\\n +7 +- +\\S+Z +6\\d\\.\\d"), lines::toString);

            Map<?, ?> json = (Map<?, ?>) JsonText.read(nodes(database, "--json").out());
            assertEquals(true, json.get("ok"));
            Map<?, ?> first = (Map<?, ?>) ((List<?>) json.get("nodes")).getFirst();
            assertEquals(
                    List.of(
                            "node",
                            "status",
                            "service",
                            "host",
                            "pid",
                            "version",
                            "started",
                            "heartbeat",
                            "silentMillis"),
                    List.copyOf(first.keySet()));
            assertEquals(
                    List.of("a \"1\"", "joining", "2"),
                    List.of(first.get("node"), first.get("status"), first.get("version")));
            assertTrue(Instant.parse((String) first.get("started"))
                    .isBefore(Instant.now().plusSeconds(60)));
        }
    }
}
