package io.forgeloom.testing.demo;

import java.util.Arrays;

/**
 * What one client knows of its transactions: a byte for each, in the order in which it began them. Their ids are made
 * here, so that no two clients share one. Confined to the client's thread until that was joined.
 */
final class Journal {

    /** What the client was told. */
    enum Fate {
        /** Begun and not ended: none is left when the client has ended in good order. */
        OPEN,
        /** The call returned: the transaction is committed, or the library lied. */
        COMMITTED,
        /** The call failed with anything but the next: the transaction is not committed, or the library lied. */
        NOT_COMMITTED,
        /** The connection was lost during COMMIT: either. */
        UNKNOWN
    }

    private static final int SEQUENCE_BITS = 40;
    private static final Fate[] FATES = Fate.values();

    private final int client;
    private byte[] fates = new byte[256];
    private int size;

    Journal(int client) {
        this.client = client;
    }

    static int clientOf(long id) {
        return (int) (id >>> SEQUENCE_BITS);
    }

    static int sequenceOf(long id) {
        return (int) (id & ((1L << SEQUENCE_BITS) - 1));
    }

    /** A new id, noted as {@link Fate#OPEN}. */
    long begin() {
        if (size == fates.length) {
            fates = Arrays.copyOf(fates, size * 2);
        }
        fates[size] = (byte) Fate.OPEN.ordinal();
        return id(size++);
    }

    /** Notes the fate of the transaction begun last. */
    void end(Fate fate) {
        fates[size - 1] = (byte) fate.ordinal();
    }

    int size() {
        return size;
    }

    long id(int sequence) {
        return (long) client << SEQUENCE_BITS | sequence;
    }

    Fate fate(int sequence) {
        return FATES[fates[sequence]];
    }
}
