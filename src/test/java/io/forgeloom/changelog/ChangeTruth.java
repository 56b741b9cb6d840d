package io.forgeloom.changelog;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What writers know to be committed: the number of each of their rows in the log, and of which version of which row of the
 * table it tells. A version is one more than the one that the writer found under its lock, so versions are the order of
 * commits, whatever the log says. Safe for use by many threads.
 */
final class ChangeTruth {

    /** What one row of the log tells of. */
    record Version(int id, long number) {}

    /** What is wrong with what a reader was given. */
    record Faults(int lost, int duplicated, int inverted, int unknown) {

        static final Faults NONE = new Faults(0, 0, 0, 0);
    }

    private final Map<Long, Version> committed = new ConcurrentHashMap<>();

    /** Called once the server has confirmed the commit. */
    void add(Map<Long, Version> versions) {
        committed.putAll(versions);
    }

    int size() {
        return committed.size();
    }

    /** Compares with the numbers that a reader was given, in its order. */
    Faults judge(List<Long> delivered) {
        Set<Long> seen = new HashSet<>();
        Map<Integer, Long> latest = new HashMap<>();
        int duplicated = 0;
        int inverted = 0;
        int unknown = 0;
        for (long seq : new ArrayList<>(delivered)) {
            Version version = committed.get(seq);
            if (version == null) {
                unknown++;
            } else if (!seen.add(seq)) {
                duplicated++;
            } else {
                long before = latest.merge(version.id, version.number, Math::max);
                inverted += before > version.number ? 1 : 0;
            }
        }
        return new Faults(committed.size() - seen.size(), duplicated, inverted, unknown);
    }
}
