package io.forgeloom.testing.demo;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Compares what clients were told with what the database has: first every id in the database to {@link #found}, then
 * {@link #result}. One thread at a time, after the clients have ended.
 */
final class Reconciliation {

    private static final int EXAMPLES = 5;

    private final List<Journal> journals;
    private final List<BitSet> seen = new ArrayList<>();
    private final Examples duplicated = new Examples();
    private final Examples foreign = new Examples();
    private long rows;

    Reconciliation(List<Journal> journals) {
        this.journals = journals;
        journals.forEach(journal -> seen.add(new BitSet(journal.size())));
    }

    /** One row of the database. */
    void found(long id) {
        rows++;
        int client = Journal.clientOf(id);
        int sequence = Journal.sequenceOf(id);
        if (id < 0
                || client >= journals.size()
                || sequence >= journals.get(client).size()) {
            foreign.add(id);
        } else if (seen.get(client).get(sequence)) {
            duplicated.add(id);
        } else {
            seen.get(client).set(sequence);
        }
    }

    Result result() {
        Examples lost = new Examples();
        Examples contradicted = new Examples();
        Examples open = new Examples();
        Set<Long> unknownCommitted = new HashSet<>();
        long committed = 0;
        long notCommitted = 0;
        long unknown = 0;
        for (int client = 0; client < journals.size(); client++) {
            Journal journal = journals.get(client);
            for (int sequence = 0; sequence < journal.size(); sequence++) {
                boolean there = seen.get(client).get(sequence);
                long id = journal.id(sequence);
                switch (journal.fate(sequence)) {
                    case COMMITTED -> {
                        committed++;
                        lost.addIf(!there, id);
                    }
                    case NOT_COMMITTED -> {
                        notCommitted++;
                        contradicted.addIf(there, id);
                    }
                    case UNKNOWN -> {
                        unknown++;
                        if (there) {
                            unknownCommitted.add(id);
                        }
                    }
                    case OPEN -> open.add(id);
                }
            }
        }
        return new Result(
                rows,
                committed,
                notCommitted,
                unknown,
                unknownCommitted,
                lost,
                contradicted,
                duplicated,
                foreign,
                open);
    }

    /**
     * The comparison.
     *
     * @param rows rows in the database
     * @param committed transactions that clients saw committed
     * @param notCommitted transactions that clients saw fail
     * @param unknown transactions whose COMMIT was not answered
     * @param unknownCommitted of these, the ids that are in the database
     * @param lost seen committed, and not in the database
     * @param contradicted seen to fail, and in the database
     * @param duplicated rows beyond the first of their id: a committed transaction was run again
     * @param foreign rows whose id no client made
     * @param open transactions that their client never ended
     */
    record Result(
            long rows,
            long committed,
            long notCommitted,
            long unknown,
            Set<Long> unknownCommitted,
            Examples lost,
            Examples contradicted,
            Examples duplicated,
            Examples foreign,
            Examples open) {}

    /** A count, and the first few of what it counts. */
    static final class Examples {
        private final List<Long> first = new ArrayList<>();
        private long count;

        void add(long id) {
            count++;
            if (first.size() < EXAMPLES) {
                first.add(id);
            }
        }

        void addIf(boolean condition, long id) {
            if (condition) {
                add(id);
            }
        }

        long count() {
            return count;
        }

        @Override
        public String toString() {
            return count == 0 ? "none" : count + ", for one the ids " + first;
        }
    }
}
