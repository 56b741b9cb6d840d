package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.ConfigurationException;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DatabaseConfigTest {

    private static final String URL = "postgres://u:s3cret@h/db";

    @Test
    void defaultsAreThoseOfTheManual() {
        DatabaseConfig config = DatabaseConfig.builder(URL).build();
        assertEquals(100, config.poolSize());
        assertEquals(0, config.minPoolSize());
        assertEquals(50, config.replicaPoolSize());
        assertEquals(Duration.ofSeconds(30), config.poolTimeout());
        assertEquals(Duration.ofSeconds(10), config.connectTimeout());
        assertEquals(Duration.ofSeconds(30), config.statementTimeout());
        assertEquals(Duration.ofMillis(500), config.slowStatementThreshold());
        assertEquals(4, config.maxConnecting());
        assertEquals("forge", config.serviceName());
        assertEquals(SessionReset.whenTouched(), config.sessionReset());
        assertTrue(config.testBeforeAcquire());
        assertTrue(config.requireDirectConnection());
        assertFalse(config.readFromReplica());
        assertEquals(1, DatabaseConfig.builder(URL).poolSize(1).build().replicaPoolSize());
    }

    static Stream<Arguments> outOfBounds() {
        return Stream.of(
                refused("poolSize", b -> b.poolSize(0), "0 is not between 1 and 10000"),
                refused("minPoolSize", b -> b.poolSize(5).minPoolSize(6), "6 is not between 0 and 5"),
                refused("poolTimeout", b -> b.poolTimeout(Duration.ZERO), "PT0S is not between PT0.001S and PT24H"),
                refused("connectTimeout", b -> b.connectTimeout(Duration.ofDays(2)), "PT48H is not between"),
                refused("statementTimeout", b -> b.statementTimeout(Duration.ofSeconds(-1)), "PT-1S is not between"),
                refused("maxConnecting", b -> b.maxConnecting(101), "101 is not between 1 and 100"),
                refused("replicaPoolSize", b -> b.replicaPoolSize(0), "0 is not between 1 and 10000"),
                refused("serviceName", b -> b.serviceName("ä".repeat(32)), "has 64 bytes; it must have 1 to 63"),
                refused("serviceName", b -> b.serviceName(" "), "1 to 63"),
                refused("readFromReplica", b -> b.readFromReplica(true), "replicaUrls is empty"),
                refused("primaryUrls[0]", b -> b.primaryUrls(List.of("postgres://h,i/db")), "one host each"),
                refused("primaryUrls[1]", b -> b.primaryUrls(List.of(URL, "postgres://i/other")), "url names db"),
                refused("replicaUrls[1]", b -> b.replicaUrls(List.of(URL, "http://x")), "no PostgreSQL URL"));
    }

    @Test
    void primaryUrlsShareTheCredentialsAndAreEachAskedOnce() {
        DatabaseConfig config = DatabaseConfig.builder(URL)
                .primaryUrls(List.of("postgres://i/db", "postgres://h:5432/db", "postgres://v@j/db"))
                .build();
        assertEquals(
                List.of("h:5432/db u", "i:5432/db u", "j:5432/db v"),
                config.primaryCandidates().stream()
                        .map(url -> url + " " + url.property("user"))
                        .toList());
        assertEquals(1, DatabaseConfig.builder(URL).build().primaryCandidates().size());
        assertFalse(config.toString().contains("s3cret"), config.toString());
    }

    private static Arguments refused(String option, UnaryOperator<DatabaseConfig.Builder> change, String message) {
        return Arguments.of(option, change, message);
    }

    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("outOfBounds")
    void aValueOutOfBoundsIsRefusedByName(String option, UnaryOperator<DatabaseConfig.Builder> change, String message) {
        ConfigurationException e = assertThrows(
                ConfigurationException.class,
                () -> change.apply(DatabaseConfig.builder(URL)).build());
        assertEquals(option, e.option());
        assertTrue(e.getMessage().contains(message), e.getMessage());
    }

    @Test
    void toStringShowsNoPassword() {
        String text = DatabaseConfig.builder(URL)
                .password("s3cret")
                .replicaUrls(List.of(URL, "jdbc:postgresql://h/db?password=s3cret"))
                .build()
                .toString();
        assertFalse(text.contains("s3cret"), text);
        assertTrue(text.contains("poolSize=100"), text);
        assertTrue(text.contains("sessionReset=WhenTouched"), text);
    }

    @Test
    void aReplicaSharesThePrimarysCredentialsUnlessItHasItsOwn() {
        DatabaseConfig config = DatabaseConfig.builder(URL)
                .replicaUrls(List.of("postgres://r1/db", "postgres://v:own@r2/db"))
                .build();
        assertEquals("u", config.replicaUrl(0).property("user"));
        assertEquals("s3cret", config.replicaUrl(0).property("password"));
        assertEquals("v", config.replicaUrl(1).property("user"));
        assertEquals("own", config.replicaUrl(1).property("password"));
    }
}
