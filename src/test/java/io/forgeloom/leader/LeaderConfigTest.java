package io.forgeloom.leader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Options and roles: what is refused, and what the refusal says. */
class LeaderConfigTest {

    /** Two names of one lock: the price of hashing names, found by search. */
    private static final List<String> SAME_LOCK = List.of("kW7Th0snWcl", "_pyuq9aHkRa");

    @Test
    void defaultsAreThoseOfTheDocument() {
        LeaderConfig config = LeaderConfig.DEFAULTS;
        assertEquals(Duration.ofSeconds(3), config.leaseDuration());
        assertEquals(Duration.ofSeconds(1), config.checkInterval());
        assertEquals(Duration.ofMillis(500), config.lockValidateInterval());
        assertEquals(Duration.ofSeconds(30), config.keepaliveInterval());
        assertEquals(Duration.ofMillis(250), config.standbyPollInterval());
        assertEquals(Takeover.IMMEDIATE, config.takeover());
        assertEquals(Duration.ofMillis(1_500), config.bodyTimeout());
        assertTrue(config.endZombies());
    }

    /** Forge's own four are taken as they are. */
    @Test
    void optionsOfForgeAreTaken() {
        LeaderConfig.builder()
                .leaseDuration(Duration.ofSeconds(60))
                .checkInterval(Duration.ofSeconds(5))
                .lockValidateInterval(Duration.ofSeconds(1))
                .keepaliveInterval(Duration.ofSeconds(30))
                .build();
    }

    /** The bounds themselves are allowed. */
    @Test
    void aThirdOfTheLeaseAndTheLongestNameOfANodeAreTaken() {
        LeaderConfig config = LeaderConfig.builder()
                .leaseDuration(Duration.ofSeconds(3))
                .lockValidateInterval(Duration.ofSeconds(1))
                .nodeId("n".repeat(255))
                .build();
        assertEquals(Duration.ofSeconds(1), config.lockValidateInterval());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            leaseDuration        | PT0.499S  | PT0.5S
            leaseDuration        | PT1H0.1S  | PT1H
            leaseDuration        | PT-1S     | PT0.5S
            checkInterval        | PT0.009S  | PT0.01S
            checkInterval        | PT3S      | PT3S
            lockValidateInterval | PT0.009S  | PT0.01S
            lockValidateInterval | PT1.001S  | PT3S
            keepaliveInterval    | PT0S      | PT0.01S
            keepaliveInterval    | PT5M      | PT4M59.999S
            standbyPollInterval  | PT0.009S  | PT0.01S
            standbyPollInterval  | PT2H      | PT1H
            bodyTimeout          | PT-0.001S | PT0S
            bodyTimeout          | PT1H1S    | PT1H
            """)
    void refusalNamesOptionValueAndBound(String option, Duration value, String bound) {
        ConfigurationException e = assertThrows(ConfigurationException.class, () -> with(option, value));
        assertEquals(option, e.option());
        String message = String.valueOf(e.getMessage());
        assertTrue(message.contains(value.toString()) && message.contains(bound), message);
    }

    private static LeaderConfig with(String option, Duration value) {
        LeaderConfig.Builder builder = LeaderConfig.builder();
        LeaderConfig.Builder changed = switch (option) {
            case "leaseDuration" -> builder.leaseDuration(value);
            case "checkInterval" -> builder.checkInterval(value);
            case "lockValidateInterval" -> builder.lockValidateInterval(value);
            case "keepaliveInterval" -> builder.keepaliveInterval(value);
            case "standbyPollInterval" -> builder.standbyPollInterval(value);
            case "bodyTimeout" -> builder.bodyTimeout(value);
            default -> throw new IllegalArgumentException(option);
        };
        return changed.build();
    }

    @Test
    void nodeIdHasBounds() {
        UnaryOperator<String> refused = nodeId -> String.valueOf(assertThrows(
                        ConfigurationException.class,
                        () -> LeaderConfig.builder().nodeId(nodeId).build())
                .getMessage());
        assertTrue(refused.apply(" ").contains("nodeId"));
        assertTrue(refused.apply("a\0b").contains("nodeId"));
        assertTrue(refused.apply("ä".repeat(128)).contains("255"));
        LeaderConfig.builder().nodeId("a".repeat(255)).build();
    }

    // ---- roles ----

    @Test
    void rolesHaveForgesNamesAndLocks() {
        assertEquals(77_306_496_745_473L, LeaderRole.SCHEDULER.lockId().value());
        assertEquals(0x464F_5247_0002L, LeaderRole.METRICS_AGGREGATOR.lockId().value());
        assertEquals(0x464F_5247_0003L, LeaderRole.LOG_COMPACTOR.lockId().value());
        assertEquals(
                -551_847_874_204_078_177L,
                LeaderRole.daemon("my_daemon").lockId().value());
        assertEquals(LeaderRole.SCHEDULER, LeaderRole.of("scheduler"));
        assertEquals(LeaderRole.daemon("x"), LeaderRole.of("x"));
        assertNotEquals(LeaderRole.daemon("x"), LeaderRole.daemon("y"));
    }

    @Test
    void daemonWithABuiltInsNameIsRefused() {
        for (String name : List.of("scheduler", "metrics_aggregator", "log_compactor")) {
            String message = message(() -> LeaderRole.daemon(name));
            assertTrue(message.contains("\"" + name + "\"") && message.contains("built-in"), message);
        }
        // Another name, another lock.
        LeaderRole.daemon("Scheduler");
    }

    @Test
    void namesOfDaemonsHaveBounds() {
        assertTrue(message(() -> LeaderRole.daemon("")).contains("1 to 255"));
        assertTrue(message(() -> LeaderRole.daemon("ä".repeat(128))).contains("this one has 256"));
        assertTrue(message(() -> LeaderRole.daemon("a\nb")).contains("control characters"));
        LeaderRole.daemon("ä".repeat(127));
    }

    @Test
    @WithDatabase
    void rolesOfAnElectionAreOnePerLock(TestDatabase database) {
        try (Database db = Database.open(DatabaseConfig.builder(database.url()).build());
                NotifyBus bus = NotifyBus.of(db)) {
            assertTrue(message(() -> LeaderElection.of(db, bus)).contains("one or more"));
            LeaderRole daemon = LeaderRole.daemon("daemon_a");
            assertTrue(message(() -> LeaderElection.of(db, bus, daemon, LeaderRole.SCHEDULER, daemon))
                    .contains("daemon_a is given twice"));
            LeaderRole one = LeaderRole.daemon(SAME_LOCK.getFirst());
            LeaderRole other = LeaderRole.daemon(SAME_LOCK.getLast());
            assertEquals(one.lockId(), other.lockId());
            String message = message(() -> LeaderElection.of(db, bus, one, other));
            assertTrue(
                    message.contains(one.name())
                            && message.contains(other.name())
                            && message.contains("the same lock, " + one.lockId()),
                    message);
            try (LeaderElection election = LeaderElection.of(db, bus, daemon)) {
                assertThrows(IllegalArgumentException.class, () -> election.isLeader(LeaderRole.SCHEDULER));
            }
        }
    }

    private static String message(Executable refused) {
        return String.valueOf(
                assertThrows(ConfigurationException.class, refused).getMessage());
    }
}
