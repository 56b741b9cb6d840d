package io.forgeloom.testing.demo;

/** One line of a terminal, of parts in styles, cut at the terminal's width. Confined to one thread. */
final class Text {

    /** How a part looks; each has its escape sequence. */
    enum Style {
        NORMAL(""),
        BOLD("\u001b[1m"),
        DIM("\u001b[2m"),
        GREEN("\u001b[32m"),
        YELLOW("\u001b[33m"),
        RED("\u001b[1;31m"),
        CYAN("\u001b[36m");

        private final String sequence;

        Style(String sequence) {
            this.sequence = sequence;
        }
    }

    private static final String RESET = "\u001b[0m";

    private final Terminal terminal;
    private final int room;
    private final StringBuilder line = new StringBuilder();
    private int width;

    Text(Terminal terminal) {
        this(terminal, terminal.width());
    }

    private Text(Terminal terminal, int room) {
        this.terminal = terminal;
        this.room = room;
    }

    /** A line that stays, and so may be as long as it is. */
    static Text unbounded(Terminal terminal) {
        return new Text(terminal, Integer.MAX_VALUE);
    }

    Text add(String text) {
        return add(Style.NORMAL, text);
    }

    /** Adds what fits. Control characters, and without Unicode all beyond ASCII, are shown as a question mark. */
    Text add(Style style, String text) {
        String clean = clean(text);
        int fits = Math.min(clean.length(), room - width);
        if (fits <= 0) {
            return this;
        }
        boolean styled = terminal.color() && style != Style.NORMAL;
        line.append(styled ? style.sequence : "").append(clean, 0, fits).append(styled ? RESET : "");
        width += fits;
        return this;
    }

    /** Fills up with spaces to a column, counted from 0. */
    Text to(int column) {
        return add(" ".repeat(Math.max(0, column - width)));
    }

    /** Adds at the right edge, as far as what stands there leaves room. */
    Text right(Style style, String text) {
        return to(terminal.width() - text.length()).add(style, text);
    }

    int width() {
        return width;
    }

    private String clean(String text) {
        StringBuilder clean = new StringBuilder(text);
        for (int i = 0; i < clean.length(); i++) {
            char c = clean.charAt(i);
            // Line breaks of a server's message become spaces; what may be wider than one column is left out.
            if (c == '\n' || c == '\t') {
                clean.setCharAt(i, ' ');
            } else if (Character.isISOControl(c) || c > (terminal.unicode() ? '\u2fff' : '\u007e')) {
                clean.setCharAt(i, '?');
            }
        }
        return clean.toString();
    }

    @Override
    public String toString() {
        return line.toString();
    }
}
