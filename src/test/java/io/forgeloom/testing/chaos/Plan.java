package io.forgeloom.testing.chaos;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * What happens to whom and when: a function of the seed, the length and the kinds alone. Immutable, safe for use by many
 * threads.
 *
 * @param steps in their order, none before the one before it has ended
 */
record Plan(List<Step> steps) {

    /** The places of nodes; a server is chosen by its number among the replicas. */
    static final List<String> SLOTS = List.of("a", "b", "c");

    private static final long FIRST_MILLIS = 4_000;
    private static final long SHORT_CALM = 2_000;
    private static final long LONG_CALM = 11_000;

    /** A node that was killed is a while in starting anew, and a promotion in making a replica of the old primary. */
    private static final long LEAST_MILLIS = 3_000;

    /**
     * One fault.
     *
     * @param victim a slot, {@code primary}, or {@code replica-0} or {@code replica-1}, counted at that moment
     * @param millis how long it lasts
     * @param variant one of several ways, 0 to 3
     */
    record Fault(int id, Kind kind, String victim, long millis, int variant) {}

    /** One fault or two at a time, from {@code atMillis} after the begin of the load. */
    record Step(long atMillis, List<Fault> faults) {}

    static Plan of(long seed, long millis, Set<Kind> kinds) {
        Random random = new Random(seed);
        List<Step> steps = new ArrayList<>();
        List<Kind> deck = new ArrayList<>();
        int id = 0;
        long at = FIRST_MILLIS;
        while (true) {
            List<Fault> faults = new ArrayList<>();
            faults.add(fault(++id, draw(deck, kinds, random), random));
            // A server and a node, or two nodes: two servers of three would leave nobody to confirm a commit.
            if (random.nextInt(4) == 0) {
                Fault first = faults.getFirst();
                Fault second = fault(id + 1, draw(deck, kinds, random), random);
                if (second.kind.ofNode() && !second.victim.equals(first.victim)) {
                    faults.add(second);
                    id++;
                } else {
                    deck.addFirst(second.kind);
                }
            }
            long lasts = faults.stream().mapToLong(Fault::millis).max().orElseThrow();
            if (at + lasts > millis) {
                return new Plan(List.copyOf(steps));
            }
            steps.add(new Step(at, List.copyOf(faults)));
            long calm = random.nextInt(4) == 0 ? LONG_CALM : SHORT_CALM + random.nextInt(2_000);
            at += Math.max(LEAST_MILLIS, lasts) + calm;
        }
    }

    /** Each kind once before any comes again. */
    private static Kind draw(List<Kind> deck, Set<Kind> kinds, Random random) {
        if (deck.isEmpty()) {
            deck.addAll(EnumSet.copyOf(kinds));
            Collections.shuffle(deck, random);
        }
        return deck.removeFirst();
    }

    private static Fault fault(int id, Kind kind, Random random) {
        String slot = SLOTS.get(random.nextInt(SLOTS.size()));
        String replica = "replica-" + random.nextInt(2);
        int variant = random.nextInt(4);
        long length = random.nextInt(1_000);
        return switch (kind) {
            case KILL -> new Fault(id, kind, slot, length, variant);
            case PAUSE -> new Fault(id, kind, slot, 500 + length * 15 / 2, variant);
            case BLACKHOLE -> new Fault(id, kind, slot, 500 + length * 11 / 2, variant);
            case RESET, BACKENDS -> new Fault(id, kind, slot, 0, variant);
            case EXHAUSTION -> new Fault(id, kind, slot, 1_000 + length * 4, variant);
            case CLOCK -> new Fault(id, kind, slot, 3_000 + length * 4, variant);
            case PRIMARY_RESTART, PROMOTION -> new Fault(id, kind, "primary", length, variant);
            case REPLICA_RESTART -> new Fault(id, kind, replica, length * 6, variant);
            case REPLICA_LAG -> new Fault(id, kind, replica, 1_000 + length * 6, variant);
        };
    }

    int faults() {
        return steps.stream().mapToInt(step -> step.faults.size()).sum();
    }
}
