package io.forgeloom.testing.chaos;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;

/**
 * One thing that somebody saw or did. As text: both clocks, what, and fields, with a space between. Immutable, safe for use
 * by many threads.
 *
 * @param nanos the monotonic clock, which all processes of a machine share
 * @param wallMillis the wall clock as that process sees it, which may be hours off
 * @param node which process, {@code a-2} for the second in place a; {@code driver} for the script
 * @param event what, one word
 * @param fields the rest, without spaces
 */
record Line(long nanos, long wallMillis, String node, String event, Map<String, String> fields) {

    static final String DRIVER = "driver";

    private static final int LONGEST = 400;

    /** A line of now; {@code pairs} are names and values. */
    static Line now(String node, String event, Object... pairs) {
        return at(System.nanoTime(), node, event, pairs);
    }

    static Line at(long nanos, String node, String event, Object... pairs) {
        Map<String, String> fields = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            fields.put(pairs[i].toString(), word(String.valueOf(pairs[i + 1])));
        }
        return new Line(nanos, System.currentTimeMillis(), node, event, fields);
    }

    /** A sentence as one word. */
    static String sentence(String text) {
        String word = word(text);
        return word.length() <= LONGEST ? word : word.substring(0, LONGEST);
    }

    private static String word(String text) {
        return text.replaceAll("\\s+", "_");
    }

    /** What {@link #text} wrote. */
    static Line parse(String node, String text) {
        String[] words = text.split(" ");
        Map<String, String> fields = new LinkedHashMap<>();
        for (int i = 3; i < words.length; i++) {
            int equals = words[i].indexOf('=');
            fields.put(words[i].substring(0, equals), words[i].substring(equals + 1));
        }
        return new Line(Long.parseLong(words[0]), Long.parseLong(words[1]), node, words[2], fields);
    }

    /** Without the node, which the reader knows. */
    String text() {
        StringBuilder text = new StringBuilder().append(nanos).append(' ').append(wallMillis);
        text.append(' ').append(event);
        fields.forEach(
                (name, value) -> text.append(' ').append(name).append('=').append(value));
        return text.toString();
    }

    boolean is(String wanted) {
        return event.equals(wanted);
    }

    String get(String field) {
        String value = fields.get(field);
        if (value == null) {
            throw new NoSuchElementException(field + " in " + this);
        }
        return value;
    }

    String get(String field, String otherwise) {
        return fields.getOrDefault(field, otherwise);
    }

    long number(String field) {
        return Long.parseLong(get(field));
    }

    /** The place of the process, {@code a} of {@code a-2}. */
    String slot() {
        return slot(node);
    }

    static String slot(String node) {
        int dash = node.indexOf('-');
        return dash < 0 ? node : node.substring(0, dash);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%s %s", node, text());
    }
}
