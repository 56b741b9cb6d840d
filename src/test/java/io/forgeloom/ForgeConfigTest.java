package io.forgeloom;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.leader.LeaderRole;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A configuration as a file and an environment say it, and what is refused. No server is asked. */
class ForgeConfigTest {

    private static final String URL = "postgres://app@db.example/shop";

    @TempDir
    Path folder;

    private Path file(String... lines) throws IOException {
        return Files.write(folder.resolve("forge.properties"), List.of(lines));
    }

    private static ForgeConfig load(Map<String, String> environment) {
        return ForgeConfig.load(null, environment).build();
    }

    private static ConfigurationException refused(Map<String, String> environment) {
        return assertThrows(ConfigurationException.class, () -> load(environment));
    }

    @Test
    void fileSaysEverySetting() throws IOException {
        Path migrations = Files.createDirectory(folder.resolve("migrations"));
        ForgeConfig config = ForgeConfig.load(
                        file(
                                "database.url = " + URL,
                                "database.user = billing",
                                "database.password = s3cret",
                                "database.poolSize = 20",
                                "database.replicaUrls = postgres://r1/shop, postgres://r2/shop",
                                "database.statementTimeout = 5m",
                                "database.poolTimeout = 500ms",
                                "serviceName = bill\u00ednk",
                                "migrate = false",
                                "migrations = " + migrations.toString().replace("\\", "\\\\"),
                                "schema = forge",
                                "nodeId = one",
                                "retention = 2h",
                                "expectedConcurrency = 12"),
                        Map.of())
                .build();
        assertEquals("billing", config.database().user());
        assertEquals("s3cret", config.database().password());
        assertEquals(20, config.database().poolSize());
        assertEquals(
                List.of("postgres://r1/shop", "postgres://r2/shop"),
                config.database().replicaUrls());
        assertTrue(config.database().readFromReplica());
        assertEquals(Duration.ofMinutes(5), config.database().statementTimeout());
        assertEquals(Duration.ofMillis(500), config.database().poolTimeout());
        assertEquals("bill\u00ednk", config.database().serviceName());
        assertFalse(config.migrate());
        assertTrue(String.valueOf(config.migrations()).contains("migrations"));
        assertEquals(new Identifier("forge"), config.schema());
        assertEquals(new Identifier("forge"), config.leader().schema());
        assertEquals(new Identifier("forge"), config.node().schema());
        assertEquals("one", config.leader().nodeId());
        assertEquals("one", config.node().nodeId());
        assertEquals(Duration.ofHours(2), config.retention());
        assertEquals(
                "18 = 2 kept by the bus and the election + 4 for moments (heartbeat, wake-ups, change log, trimming)"
                        + " + 12 at work (expectedConcurrency)",
                config.connectionNeeds().toString());
    }

    @Test
    void environmentGoesBeforeTheFileAndOursBeforeDatabaseUrl() throws IOException {
        Path file = file("database.url=postgres://file/a", "serviceName=file", "retention=1h");
        Map<String, String> plain = Map.of(
                "DATABASE_URL",
                "postgres://plain/b",
                "FORGE_SERVICE_NAME",
                " variable ",
                "FORGE_TERM",
                "7",
                "FORGE_PORT",
                "tcp://10.0.0.1:80");
        ForgeConfig config = ForgeConfig.load(file, plain).build();
        assertEquals("postgres://plain/b", config.database().url());
        assertEquals("variable", config.database().serviceName());
        assertEquals(Duration.ofHours(1), config.retention());
        assertEquals(
                "postgres://ours/c",
                load(Map.of("DATABASE_URL", "postgres://plain/b", "FORGE_DATABASE_URL", "postgres://ours/c"))
                        .database()
                        .url());
        assertEquals(
                7,
                load(Map.of("DATABASE_URL", URL, "FORGE_DATABASE_POOL_SIZE", "7"))
                        .database()
                        .poolSize());
    }

    @Test
    void withNothingButTheUrlAllIsDefault() {
        ForgeConfig config = load(Map.of("DATABASE_URL", URL));
        ForgeConfig built = ForgeConfig.builder(URL).build();
        assertEquals(built, config);
        assertTrue(config.migrate());
        assertNull(config.schema());
        assertEquals(Duration.ofHours(1), config.retention());
        assertEquals(
                Duration.ZERO,
                load(Map.of("DATABASE_URL", URL, "FORGE_RETENTION", "0s")).retention());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "FORGE_DATABASE_POOL_SIZE | many        | database.poolSize: \"many\": it must be a whole number",
                "FORGE_DATABASE_POOL_SIZE | 99999999999 | database.poolSize: \"99999999999\": it must be a whole number",
                "FORGE_DATABASE_POOL_SIZE | 0           | poolSize: 0 is not between 1 and ",
                "FORGE_DATABASE_STATEMENT_TIMEOUT | 30  | database.statementTimeout: \"30\": it must be a number with ms, s, m, h or d, as 30s",
                "FORGE_RETENTION          | -1s         | retention: \"-1s\": it must be a number with ms, s, m, h or d, as 30s",
                "FORGE_RETENTION          | 5ms         | retention: PT0.005S is not between PT1S and ",
                "FORGE_MIGRATE            | yes         | migrate: \"yes\": it must be true or false",
                "FORGE_SCHEMA             | pg_own      | PostgreSQL keeps the prefix pg_ for itself",
                "FORGE_EXPECTED_CONCURRENCY | -1        | expectedConcurrency: -1 is not between 0 and 100000",
                "FORGE_POOLSIZE           | 5           | FORGE_POOLSIZE: is not known; there are FORGE_DATABASE_URL, FORGE_DATABASE_USER, ",
            })
    void badValueIsRefusedWithItsNameAndTheRemedy(String variable, String value, String message) {
        ConfigurationException told = refused(Map.of("DATABASE_URL", URL, variable, value));
        assertTrue(String.valueOf(told.getMessage()).contains(message), told.getMessage());
    }

    @Test
    void missingUrlAndUnknownOrUnreadableFilesAreRefusedWithTheRemedy() throws IOException {
        assertEquals(
                "database.url: is missing; set it in the file, or FORGE_DATABASE_URL, or DATABASE_URL",
                refused(Map.of()).getMessage());
        assertEquals("database.url", refused(Map.of("DATABASE_URL", " ")).option());
        Path file = file("database.url=" + URL, "poolSize=5");
        ConfigurationException unknown =
                assertThrows(ConfigurationException.class, () -> ForgeConfig.load(file, Map.of()));
        assertEquals("poolSize", unknown.option());
        assertTrue(String.valueOf(unknown.getMessage()).contains("there are database.url, "), unknown.getMessage());
        ConfigurationException missing = assertThrows(
                ConfigurationException.class, () -> ForgeConfig.load(folder.resolve("none.properties"), Map.of()));
        assertTrue(String.valueOf(missing.getMessage()).contains("NoSuchFile"), missing.getMessage());
        Path latin = Files.write(folder.resolve("latin.properties"), new byte[] {'a', '=', (byte) 0xE9});
        ConfigurationException notUtf8 =
                assertThrows(ConfigurationException.class, () -> ForgeConfig.load(latin, Map.of()));
        assertTrue(String.valueOf(notUtf8.getMessage()).contains("UTF-8"), notUtf8.getMessage());
    }

    @Test
    void passwordIsNeverPrintedAndKeepsItsSpaces() throws IOException {
        ForgeConfig config =
                load(Map.of("DATABASE_URL", "postgres://app:hidden@db/shop", "FORGE_DATABASE_PASSWORD", " hidden "));
        assertEquals(" hidden ", config.database().password());
        assertFalse(config.toString().contains("hidden"), config::toString);
        ConfigurationException told =
                refused(Map.of("DATABASE_URL", "mysql://app:hidden@db/shop", "FORGE_DATABASE_PASSWORD", "hidden"));
        assertFalse(told.toString().contains("hidden"), told::toString);
    }

    @Test
    void roleOfTheRuntimeItselfIsNotForOthers() {
        ConfigurationException told = assertThrows(
                ConfigurationException.class,
                () -> ForgeConfig.builder(URL).roles(LeaderRole.LOG_COMPACTOR).build());
        assertEquals("roles", told.option());
    }

    @Test
    void needsAreRefusedBelowTheLeastAndWarnedOfBelowTheRule() {
        ConnectionNeeds needs = ConnectionNeeds.of(true, 10);
        assertEquals(16, needs.recommended());
        assertEquals(3, needs.least());
        assertThrows(ConfigurationException.class, () -> needs.judge(2));
        assertTrue(needs.judge(3).startsWith("poolSize 3 is below 16 = "), needs.judge(3));
        assertTrue(needs.judge(15).contains("2 kept by the bus and the election"));
        assertEquals("", needs.judge(16));
        assertEquals(2, ConnectionNeeds.of(false, 10).least());
    }
}
