package io.forgeloom.lock;

import java.io.Serializable;
import java.nio.charset.StandardCharsets;

/**
 * The number of an advisory lock, in PostgreSQL's space of 64-bit numbers. All applications on one database share that
 * space, and nothing but convention keeps them apart; the locks of another database are others.
 *
 * <p>Immutable, safe for use by many threads.
 *
 * @param value any number
 */
public record LockId(long value) implements Serializable {

    /** "FORG" and two bytes that are free: where Forge's ids begin, instead of FNV's own basis. */
    private static final long BASIS = 0x464F_5247_4000L;

    private static final long PRIME = 0x100_0000_01b3L;

    /** The lock of that number. */
    public static LockId of(long value) {
        return new LockId(value);
    }

    /**
     * The lock of a name, the same in every process and in Forge: FNV-1a over the name's UTF-8. Two names may have one
     * number, with a chance of about 1 in 2^64 for each pair; whoever takes names from users compares the numbers.
     */
    public static LockId named(String name) {
        long hash = BASIS;
        for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
            // The multiplication wraps: that is the algorithm.
            hash = (hash ^ (b & 0xff)) * PRIME;
        }
        return new LockId(hash);
    }

    /** The upper half, which {@code pg_locks} shows as {@code classid}: 0 to 2^32 - 1. */
    public long classId() {
        return value >>> 32;
    }

    /** The lower half, which {@code pg_locks} shows as {@code objid}: 0 to 2^32 - 1. */
    public long objId() {
        return value & 0xffff_ffffL;
    }

    /** The number in decimal, as SQL takes it. */
    @Override
    public String toString() {
        return Long.toString(value);
    }
}
