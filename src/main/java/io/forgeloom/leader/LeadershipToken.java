package io.forgeloom.leader;

import java.io.Serializable;
import java.util.Comparator;
import java.util.HexFormat;

/**
 * Which leadership of a role: the timeline of the server that it was won on, and the term. Of two of one role, the later
 * leadership has the greater token; a store outside of PostgreSQL that refuses a token smaller than one it has seen is fenced.
 * The term alone is not enough for that: a replica that is promoted may not have had the last ones.
 *
 * <p>The text form is 8 and 16 hexadecimal digits with a hyphen between them; texts have the order of their tokens.
 * Immutable, safe for use by many threads.
 *
 * @param timeline 1 to 2^32 - 1
 * @param term 1 and up
 */
public record LeadershipToken(long timeline, long term) implements Comparable<LeadershipToken>, Serializable {

    private static final Comparator<LeadershipToken> ORDER =
            Comparator.comparingLong(LeadershipToken::timeline).thenComparingLong(LeadershipToken::term);

    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final int TIMELINE_DIGITS = 8;
    private static final int DIGITS = TIMELINE_DIGITS + 1 + 16;

    /**
     * Checks both bounds.
     *
     * @throws IllegalArgumentException if one is out of them
     */
    public LeadershipToken {
        if (timeline < 1 || timeline >= 1L << 32) {
            throw new IllegalArgumentException("timeline " + timeline + " is not between 1 and 2^32 - 1");
        }
        if (term < 1) {
            throw new IllegalArgumentException("term " + term + " is below 1");
        }
    }

    /**
     * Reads the text form.
     *
     * @throws IllegalArgumentException if it is not one
     */
    public static LeadershipToken parse(String text) {
        if (text.length() != DIGITS || text.charAt(TIMELINE_DIGITS) != '-') {
            throw new IllegalArgumentException("\"" + text
                    + "\" is no token: 8 hexadecimal digits, a hyphen, and 16 more, as 00000001-000000000000002A");
        }
        return new LeadershipToken(
                HexFormat.fromHexDigitsToLong(text, 0, TIMELINE_DIGITS),
                HexFormat.fromHexDigitsToLong(text, TIMELINE_DIGITS + 1, DIGITS));
    }

    @Override
    public int compareTo(LeadershipToken other) {
        return ORDER.compare(this, other);
    }

    /** The text form. */
    @Override
    public String toString() {
        return HEX.toHexDigits(timeline, TIMELINE_DIGITS) + "-" + HEX.toHexDigits(term);
    }
}
