package io.forgeloom.testing.chaos;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What the database has in the end. Filled by one thread, then read only. */
final class FinalState {

    /** A write of a leader: with which token, and what the row of the role said at that moment. */
    record LeaderWrite(
            long id, String role, long timeline, long term, long latestTimeline, long latestTerm, boolean stale) {}

    /** A term, as the row of the role got it. */
    record LeaderTerm(long id, String role, long timeline, long term) {}

    /** By {@code node/n} of a transaction, how often its row is there. */
    final Map<String, Integer> journal = new HashMap<>();

    /** {@code node/n} of each notification whose transaction is committed. */
    final Set<String> sent = new HashSet<>();

    /** By id of a source row, how often the consumer has had an effect for it. */
    final Map<String, Integer> effects = new HashMap<>();

    final Set<String> source = new HashSet<>();

    /** The table that is followed. */
    final Map<String, String> followed = new HashMap<>();

    final List<LeaderWrite> leaderWrites = new ArrayList<>();
    final List<LeaderTerm> leaderTerms = new ArrayList<>();

    /** How often each migration has run. */
    final Map<String, Integer> migrations = new HashMap<>();

    long balance = ChaosSchema.ACCOUNTS * ChaosSchema.BALANCE;

    /** Rows that users left uncommitted in connections they gave back. */
    long dirt;
}
