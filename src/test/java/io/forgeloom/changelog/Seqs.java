package io.forgeloom.changelog;

import java.util.Arrays;

/** The numbers that a reader was given, in its order, four bytes each. Confined to one thread. */
final class Seqs {

    private int[] values = new int[1024];
    private int size;

    void add(long seq) {
        if (size == values.length) {
            values = Arrays.copyOf(values, size + size / 2);
        }
        values[size++] = Math.toIntExact(seq);
    }

    int size() {
        return size;
    }

    int get(int place) {
        return values[place];
    }
}
