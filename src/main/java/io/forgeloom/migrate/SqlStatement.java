package io.forgeloom.migrate;

/**
 * One statement of a script, from its first to its last token, without the semicolon.
 *
 * @param line the line of its first character in the script, from 1
 */
record SqlStatement(String text, int line) {

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
}
