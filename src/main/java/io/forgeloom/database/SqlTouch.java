package io.forgeloom.database;

/** What a statement can leave behind in its session, beyond its transaction; in the order of severity. */
enum SqlTouch {

    /** Nothing, as far as its text tells. */
    NONE,

    /** Something that the reset takes back, or nothing: the text does not tell. */
    RESETTABLE,

    /** Something that no statement takes back: only the end of the session does. */
    LASTING;

    SqlTouch or(SqlTouch other) {
        return compareTo(other) >= 0 ? this : other;
    }
}
