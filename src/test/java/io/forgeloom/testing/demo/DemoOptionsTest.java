package io.forgeloom.testing.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.demo.DemoOptions.UsageException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DemoOptionsTest {

    @Test
    void emptyLineMeansEveryDefault() throws UsageException {
        assertEquals(new DemoOptions(false, 20, 400, 20, 100, null, false, false), DemoOptions.parse(List.of()));
    }

    @Test
    void valueFollowsAfterSpaceOrEqualsSign() throws UsageException {
        DemoOptions expected = new DemoOptions(false, 5, 7, 3, 0, "postgres://host/db?a=b", true, true);
        assertEquals(
                expected,
                DemoOptions.parse(List.of(
                        "--seconds",
                        "5",
                        "--threads=7",
                        "--pool",
                        "3",
                        "--url=postgres://host/db?a=b",
                        "--plain",
                        "--json")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--seconds 4",
                "--seconds 3601",
                "--seconds x",
                "--threads 0",
                "--pool 1001",
                "--readers -1",
                "--readers 5 --url x",
                "--url",
                "nonsense"
            })
    void valueOutOfBoundsOrMissingIsRefusedByName(String line) {
        String[] words = line.split(" ");
        String message = assertThrows(UsageException.class, () -> DemoOptions.parse(List.of(words)))
                .getMessage();
        assertTrue(message.contains(words[0]), message);
    }

    @Test
    void readersAreAQuarterOfTheThreadsUnlessGiven() throws UsageException {
        assertEquals(10, DemoOptions.parse(List.of("--threads", "40")).readers());
        assertEquals(1, DemoOptions.parse(List.of("--threads", "1")).readers());
        assertEquals(0, DemoOptions.parse(List.of("--readers", "0")).readers());
    }

    @Test
    void misspeltOptionDoesNotRepeatItsValue() {
        String message = assertThrows(
                        UsageException.class, () -> DemoOptions.parse(List.of("--ulr=postgres://user:secret@host/db")))
                .getMessage();
        assertFalse(message.contains("secret"), message);
    }
}
