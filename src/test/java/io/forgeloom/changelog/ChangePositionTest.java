package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.ConfigurationException;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Snapshots, positions, and who may go on. */
class ChangePositionTest {

    private static ChangePosition at(String previous, long trims) {
        return ChangePosition.parse("e/" + trims + "/" + previous + "//7/0");
    }

    private static LogHead head(String epoch, long trims, long trimmedXid, String trimmed, String snapshot) {
        return new LogHead(epoch, trims, trimmedXid, Snapshot.parse(trimmed), Snapshot.parse(snapshot));
    }

    @Test
    void theTextIsReadAgain() {
        for (String text : List.of("e-1-2/0/1:1::1/10:20:11,15:22/0/7", "e/3/10:20::20//9/0")) {
            assertEquals(text, ChangePosition.parse(text).toString());
            assertEquals(ChangePosition.parse(text), ChangePosition.parse(text));
        }
        for (String text : List.of(
                "",
                "e/1/2/3/4",
                "e/x/1:1::1//0/0",
                "e/0/5:4::5//0/0",
                "e/0/1:9:7,3:9//0/0",
                "e/0/1:9:x:9//0/0",
                "e/0/1:9::8//0/0")) {
            assertThrows(ConfigurationException.class, () -> ChangePosition.parse(text), text);
        }
    }

    @Test
    void aSnapshotKnowsWhoHadEndedAndWhoMayHaveBegun() {
        Snapshot early = Snapshot.parse("10:20:10,12,15:25");
        Snapshot later = Snapshot.parse("12:30:12,22:30");
        assertTrue(early.sees(9) && early.sees(11) && !early.sees(12) && !early.sees(20));
        assertArrayEquals(new long[] {10, 15}, early.endedBy(later));
        assertTrue(early.anyEndedBy(later, 10));
        assertFalse(early.anyEndedBy(later, 9));
        assertEquals("10:20:10,12,15", early.sql());
    }

    @Test
    void onlyWhoMayHaveMissedRowsIsRefused() {
        ChangePosition position = at("10:20:12:20", 1);
        assertNull(head("e", 2, 19, "10:18:12", "10:40:12").refusal(position), "saw all that was trimmed");
        assertNull(head("e", 1, 90, "95:95:", "95:99:").refusal(position), "nothing was trimmed since");
        assertEquals(
                Resync.Cause.TRIMMED,
                cause(head("e", 2, 20, "10:21:12", "10:40:12").refusal(position)));
        assertEquals(
                Resync.Cause.TRIMMED, cause(head("e", 2, 15, "16:18:", "30:40:").refusal(position)), "12 ended");
        assertNull(head("e", 2, 11, "16:18:", "30:40:").refusal(position), "12 has no row there");
        assertEquals(
                Resync.Cause.OTHER_HISTORY,
                cause(head("f", 1, 0, "1:1:", "30:40:").refusal(position)));
        assertEquals(
                Resync.Cause.OTHER_HISTORY,
                cause(head("e", 1, 0, "1:1:", "5:9:").refusal(position)));
    }

    private static Resync.Cause cause(@org.jspecify.annotations.Nullable Resync resync) {
        return Objects.requireNonNull(resync).cause();
    }
}
