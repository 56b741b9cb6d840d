package io.forgeloom.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON as RFC 8259 has it, strictly: objects as maps in their order, arrays as lists, no numbers. Confined to one
 * thread.
 */
final class JsonText {

    private final String text;
    private int at;

    private JsonText(String text) {
        this.text = text;
    }

    static Object read(String text) {
        JsonText reader = new JsonText(text);
        Object value = reader.value();
        reader.skipBlanks();
        if (reader.at != text.length()) {
            throw reader.unexpected();
        }
        return value;
    }

    private Object value() {
        skipBlanks();
        switch (text.charAt(at)) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            default:
                if (taken("true")) {
                    return true;
                }
                if (taken("false")) {
                    return false;
                }
                if (taken("null")) {
                    return null;
                }
                return number();
        }
    }

    /** Whole ones only: the commands print no others. */
    private Long number() {
        int begin = at;
        while (at < text.length() && Character.isDigit(text.charAt(at))) {
            at++;
        }
        if (at == begin) {
            throw unexpected();
        }
        return Long.valueOf(text.substring(begin, at));
    }

    private Map<String, Object> object() {
        Map<String, Object> object = new LinkedHashMap<>();
        expect("{");
        if (taken("}")) {
            return object;
        }
        do {
            skipBlanks();
            String name = string();
            expect(":");
            if (object.put(name, value()) != null) {
                throw new IllegalArgumentException("twice: " + name);
            }
        } while (taken(","));
        expect("}");
        return object;
    }

    private List<Object> array() {
        List<Object> array = new ArrayList<>();
        expect("[");
        if (taken("]")) {
            return array;
        }
        do {
            array.add(value());
        } while (taken(","));
        expect("]");
        return array;
    }

    private String string() {
        StringBuilder string = new StringBuilder();
        expect("\"");
        while (true) {
            char c = text.charAt(at++);
            if (c == '"') {
                return string.toString();
            }
            if (c < ' ') {
                throw unexpected();
            }
            string.append(c == '\\' ? escaped() : c);
        }
    }

    private char escaped() {
        char c = text.charAt(at++);
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                at += 4;
                yield (char) Integer.parseInt(text.substring(at - 4, at), 16);
            }
            default -> throw unexpected();
        };
    }

    private void expect(String token) {
        if (!taken(token)) {
            throw unexpected();
        }
    }

    private boolean taken(String token) {
        skipBlanks();
        if (!text.startsWith(token, at)) {
            return false;
        }
        at += token.length();
        return true;
    }

    private void skipBlanks() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private IllegalArgumentException unexpected() {
        return new IllegalArgumentException("not JSON at " + at + ": " + text);
    }
}
