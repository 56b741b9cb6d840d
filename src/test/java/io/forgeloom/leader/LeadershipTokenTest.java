package io.forgeloom.leader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The fencing token: its order, and a text form that has the same. */
class LeadershipTokenTest {

    /** In their order. */
    private static final List<LeadershipToken> ORDERED = List.of(
            new LeadershipToken(1, 1),
            new LeadershipToken(1, 9),
            new LeadershipToken(1, 10),
            new LeadershipToken(1, 0xFFFF_FFFFL),
            new LeadershipToken(1, Long.MAX_VALUE),
            // A promoted replica that has never seen the last terms of the old primary.
            new LeadershipToken(2, 5),
            new LeadershipToken(9, 1),
            new LeadershipToken(10, 1),
            new LeadershipToken(0x8000_0000L, 1),
            new LeadershipToken(0xFFFF_FFFFL, 2));

    @Test
    void timelineComesFirstThenTheTermAndTextsHaveTheSameOrder() {
        assertEquals(ORDERED, ORDERED.reversed().stream().sorted().toList());
        List<String> texts = ORDERED.stream().map(LeadershipToken::toString).toList();
        assertEquals(texts, texts.stream().sorted(Comparator.naturalOrder()).toList());
        assertEquals("00000001-000000000000002A", new LeadershipToken(1, 42).toString());
    }

    @Test
    void textFormIsReadBack() {
        for (LeadershipToken token : ORDERED) {
            assertEquals(token, LeadershipToken.parse(token.toString()));
            assertEquals(
                    0, token.compareTo(LeadershipToken.parse(token.toString().toLowerCase(Locale.ROOT))));
        }
    }

    @Test
    void whatIsNoTokenIsRefusedAndTheMessageShowsOne() {
        for (String text : List.of("", "1-2", "00000001000000000000002A0", "00000001-000000000000002A ")) {
            String message = assertThrows(IllegalArgumentException.class, () -> LeadershipToken.parse(text))
                    .getMessage();
            assertTrue(message.contains("\"" + text + "\"") && message.contains("00000001-000000000000002A"), message);
        }
        Stream.of(
                        "0000000G-000000000000002A",
                        "00000001-00000000000000-1",
                        "+0000001-000000000000002A",
                        "00000000-0000000000000001",
                        "00000001-0000000000000000",
                        "00000001-8000000000000000")
                .forEach(text -> assertThrows(IllegalArgumentException.class, () -> LeadershipToken.parse(text), text));
    }

    @Test
    void timelineAndTermHaveBounds() {
        assertThrows(IllegalArgumentException.class, () -> new LeadershipToken(0, 1));
        assertThrows(IllegalArgumentException.class, () -> new LeadershipToken(1L << 32, 1));
        assertThrows(IllegalArgumentException.class, () -> new LeadershipToken(1, 0));
    }
}
