package io.forgeloom.migrate;

import org.jspecify.annotations.Nullable;

/**
 * One statement of a script, from its first to its last token, without the semicolon.
 *
 * @param line the line of its first character in the script, from 1
 */
record SqlStatement(String text, int line) {

    /** How much of a line is shown; the rest may be a megabyte of data. */
    private static final int EXCERPT = 100;

    /**
     * The line, in the script, of a place that the server reported in an error.
     *
     * @param position as the server counts: in characters, not in UTF-16 units, from 1; what is outside of the text is
     *     taken for its nearer end
     */
    int lineOf(int position) {
        int characters = text.codePointCount(0, text.length());
        int end = text.offsetByCodePoints(0, Math.clamp(position - 1L, 0, characters));
        int at = line;
        for (int i = 0; i < end; i++) {
            char c = text.charAt(i);
            if (c == '\n' || (c == '\r' && !text.startsWith("\n", i + 1))) {
                at++;
            }
        }
        return at;
    }

    /**
     * The line of a place, and below it a caret; null if the server named no place.
     *
     * @param position as for {@link #lineOf}; 0 for no place
     */
    @Nullable
    String excerpt(int position) {
        if (position <= 0 || text.isEmpty()) {
            return null;
        }
        int characters = text.codePointCount(0, text.length());
        int at = text.offsetByCodePoints(0, Math.min(position - 1, characters));
        int begin = Math.max(text.lastIndexOf('\n', at - 1), text.lastIndexOf('\r', at - 1)) + 1;
        int end = begin;
        while (end < text.length() && text.charAt(end) != '\n' && text.charAt(end) != '\r') {
            end++;
        }
        int from = Math.max(begin, at - EXCERPT / 2);
        int to = Math.min(end, from + EXCERPT);
        String before = text.substring(from, at).replaceAll("\\p{Cntrl}", " ");
        String line = before + text.substring(at, Math.max(at, to)).replaceAll("\\p{Cntrl}", " ");
        return line + "\n" + " ".repeat(before.codePointCount(0, before.length())) + "^";
    }
}
