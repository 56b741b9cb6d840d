package io.forgeloom.changelog;

/** What was done to a row, or to a whole table. */
public enum ChangeOp {
    /** A row came; also under a new key. */
    INSERT,
    /** A row is another one under the same key. */
    UPDATE,
    /** A row went; also from its old key. */
    DELETE,
    /** All rows of the table went. */
    TRUNCATE;

    /** From the one letter that the log has. */
    static ChangeOp of(String letter) {
        return switch (letter) {
            case "I" -> INSERT;
            case "U" -> UPDATE;
            case "D" -> DELETE;
            case "T" -> TRUNCATE;
            default -> throw new IllegalStateException("the log has an operation \"" + letter + "\"");
        };
    }
}
