package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.ConfigurationException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** When a replica is too far behind, and how often one looks; the bounds of the options. */
class LagBoundTest {

    private static final LagBound NONE = LagBound.of(ReplicaOptions.DEFAULTS);
    private static final LagBound SECOND =
            LagBound.of(ReplicaOptions.builder().maxLag(Duration.ofSeconds(1)).build());
    private static final LagBound KILOBYTE =
            LagBound.of(ReplicaOptions.builder().maxLagBytes(1000).build());

    private static ReplicaLag lag(long millis, long bytes, long ageMillis) {
        return new ReplicaLag(Duration.ofMillis(millis), false, bytes, Duration.ofMillis(ageMillis));
    }

    @Test
    void withoutABoundAnyLagWillDo() {
        assertNull(NONE.exceededBy(null, true));
        assertNull(NONE.exceededBy(lag(1_000_000, 1_000_000, 1_000_000), true));
        assertEquals(Duration.ofSeconds(15), NONE.replicaInterval());
        assertEquals(Duration.ofSeconds(15), NONE.primaryInterval());
    }

    @Test
    void withABoundAnUnknownLagIsTooMuch() {
        assertNotNull(SECOND.exceededBy(null, false));
        assertNotNull(KILOBYTE.exceededBy(null, false));
    }

    @Test
    void whatWasThereBeforeTheFirstLookIsOfAnyAge() {
        ReplicaLag atLeast = new ReplicaLag(Duration.ofMillis(1), true, 1, Duration.ZERO);

        assertNotNull(SECOND.exceededBy(atLeast, false));
        assertNull(KILOBYTE.exceededBy(atLeast, true));
    }

    @Test
    void ageOfTheMeasurementCountsAsLag() {
        assertNull(SECOND.exceededBy(lag(500, 0, 500), false));
        assertNotNull(SECOND.exceededBy(lag(500, 0, 501), false));
        assertNotNull(SECOND.exceededBy(lag(0, 0, 1001), false));
        assertNotNull(KILOBYTE.exceededBy(lag(0, 0, 45_001), false));
    }

    @Test
    void itIsKnownWhenAMeasurementWillBeTooOld() {
        assertEquals(250_000_001, SECOND.excessIn(lag(500, 0, 250)));
        assertEquals(1, SECOND.excessIn(lag(900, 0, 200)));
        assertEquals(Long.MAX_VALUE, KILOBYTE.excessIn(lag(500, 0, 250)));
    }

    @Test
    void whoIsOutReturnsAtHalfOfTheBound() {
        assertNull(SECOND.exceededBy(lag(501, 0, 1), false));
        assertNotNull(SECOND.exceededBy(lag(501, 0, 1), true));
        assertNull(SECOND.exceededBy(lag(500, 0, 1), true));
        assertNull(KILOBYTE.exceededBy(lag(0, 1000, 0), false));
        assertNotNull(KILOBYTE.exceededBy(lag(0, 1001, 0), false));
        assertNotNull(KILOBYTE.exceededBy(lag(0, 501, 0), true));
        assertNull(KILOBYTE.exceededBy(lag(0, 500, 0), true));
    }

    @Test
    void messageHasTheNumbers() {
        String message = SECOND.exceededBy(lag(1500, 77, 20), false);

        assertEquals("it is 1500 ms and 77 bytes behind the primary, 20 ms ago, more than maxLag (1000 ms)", message);
    }

    @Test
    void looksAreAsOftenAsTheBoundNeeds() {
        assertEquals(Duration.ofMillis(500), SECOND.replicaInterval());
        assertEquals(Duration.ofMillis(250), SECOND.primaryInterval());
        assertEquals(Duration.ofMillis(500), SECOND.primaryTimeout());
        LagBound minute = LagBound.of(
                ReplicaOptions.builder().maxLag(Duration.ofMinutes(1)).build());
        assertEquals(Duration.ofSeconds(15), minute.replicaInterval());
        assertEquals(Duration.ofSeconds(1), minute.primaryTimeout());
    }

    @Test
    void optionsOutsideTheirBoundsAreRefused() {
        assertRefused("maxLag", ReplicaOptions.builder().maxLag(Duration.ofMillis(99)));
        assertRefused("maxLag", ReplicaOptions.builder().maxLag(Duration.ofDays(2)));
        assertRefused("maxLagBytes", ReplicaOptions.builder().maxLagBytes(-1));
        assertRefused("maxPrimaryReadShare", ReplicaOptions.builder().maxPrimaryReadShare(-1));
        ReplicaOptions eleven = ReplicaOptions.builder().maxPrimaryReadShare(11).build();
        DatabaseConfig.Builder ten = DatabaseConfig.builder("jdbc:postgresql://127.0.0.1/db")
                .poolSize(10)
                .replicaOptions(eleven);
        ConfigurationException e = assertThrows(ConfigurationException.class, ten::build);
        assertTrue(e.getMessage().contains("11 is not between 0 and 10"), e.getMessage());
    }

    private static void assertRefused(String option, ReplicaOptions.Builder builder) {
        assertEquals(
                option,
                assertThrows(ConfigurationException.class, builder::build).option());
    }
}
