package io.forgeloom.database;

import io.forgeloom.error.ConfigurationException;
import java.io.Serializable;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A place in the primary's log at which a commit is done: a server that has replayed it shows the transaction. Obtained
 * from {@link Database#inTransactionWithPosition}, given to {@link ReadOptions#after(CommitPosition)}; of several, the
 * greatest stands for all. Its text form is that of PostgreSQL's {@code pg_lsn}, {@code 16/B374D848}, to be passed on in a
 * header, a cookie or a column. Immutable, safe for use by many threads.
 *
 * <p>It belongs to one history of one cluster. Where a replica was promoted that had not received the commit, the commit
 * is lost, and its position says nothing.
 *
 * @param lsn the place, in bytes since the beginning of the log; from 1
 */
public record CommitPosition(long lsn) implements Comparable<CommitPosition>, Serializable {

    private static final Pattern FORM = Pattern.compile("([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})");

    /** Beyond every log: what is known of a commit whose position could not be asked for. */
    static final CommitPosition UNKNOWN = new CommitPosition(Long.MAX_VALUE);

    /** Checks the range. */
    public CommitPosition {
        if (lsn <= 0) {
            throw new ConfigurationException("position", lsn + " is not a place in a log: it begins after 0/0");
        }
    }

    /**
     * Reads what {@link #toString()} wrote, or what the server prints for a {@code pg_lsn}.
     *
     * @throws ConfigurationException if it is something else
     */
    public static CommitPosition parse(String text) {
        return new CommitPosition(lsn(text));
    }

    /** The number behind the text of a {@code pg_lsn}. */
    static long lsn(String text) {
        Matcher form = FORM.matcher(text);
        if (!form.matches()) {
            throw new ConfigurationException(
                    "position",
                    "\"" + text + "\" is not of the form 16/B374D848, two hexadecimal numbers of up to 32 bits");
        }
        return HexFormat.fromHexDigitsToLong(form.group(1)) << 32 | HexFormat.fromHexDigitsToLong(form.group(2));
    }

    @Override
    public int compareTo(CommitPosition other) {
        return Long.compare(lsn, other.lsn);
    }

    @Override
    public String toString() {
        HexFormat upper = HexFormat.of().withUpperCase();
        return leadless(upper.toHexDigits((int) (lsn >>> 32))) + "/" + leadless(upper.toHexDigits((int) lsn));
    }

    private static String leadless(String digits) {
        int start = 0;
        while (start < digits.length() - 1 && digits.charAt(start) == '0') {
            start++;
        }
        return digits.substring(start);
    }
}
