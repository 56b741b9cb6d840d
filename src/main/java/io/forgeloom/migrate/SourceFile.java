package io.forgeloom.migrate;

import java.util.Locale;

/** A file of a source before anybody has looked at what it says. Immutable. */
final class SourceFile {

    /** Gives the normal form of the text, or says what is wrong with it. */
    private interface Content {
        String text() throws ScriptException;
    }

    private final String name;
    private final String origin;
    private final Content content;

    private SourceFile(String name, String origin, Content content) {
        this.name = name;
        this.origin = origin;
        this.content = content;
    }

    /** Bytes that were read; only asking for their text finds out whether they are one. */
    static SourceFile ofBytes(String name, String origin, byte[] content) {
        byte[] copy = content.clone();
        return new SourceFile(name, origin, () -> MigrationText.decode(copy));
    }

    /** A text that the program holds. */
    static SourceFile ofText(String name, String text) {
        return new SourceFile(name, name, () -> MigrationText.normal(text));
    }

    /** Without a folder. */
    String name() {
        return name;
    }

    /** The whole path or URL, for messages. */
    String origin() {
        return origin;
    }

    /** The normal form, see {@link MigrationText}. */
    String text() throws ScriptException {
        return content.text();
    }

    /** Whether a folder's file is meant as a migration; a README, an editor's copy and hidden files may lie beside them. */
    static boolean isMeant(String name) {
        return !name.startsWith(".") && name.toLowerCase(Locale.ROOT).endsWith(".sql");
    }
}
