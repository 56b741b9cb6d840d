package io.forgeloom.database;

import io.forgeloom.internal.pg.RoleFacts;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Which of several servers is the primary, as far as they say. Immutable. */
sealed interface PrimaryChoice {

    /** The candidate at {@code index} is the one that takes writes. */
    record Follow(int index) implements PrimaryChoice {}

    /** No other is better; the one that was followed is silent, which proves nothing against its sessions. */
    record Stay(String why) implements PrimaryChoice {}

    /** Nobody may be written to. */
    record Refuse(String why) implements PrimaryChoice {}

    /**
     * One candidate.
     *
     * @param name its address
     * @param facts what it said of late; null if nothing
     * @param problem why the last question went unanswered; null if it was answered
     */
    record Candidate(
            String name,
            @Nullable RoleFacts facts,
            @Nullable String problem) {}

    /** No candidate is followed yet. */
    int NONE = -1;

    /**
     * Chooses. A server that is in no recovery claims to be the primary. Of several the one on the highest timeline is,
     * and the others count as read-only, as does whoever is on a lower one than was ever followed: it has missed a
     * promotion. Two servers on the same timeline: nobody can tell, so neither is written to. One that is reached by
     * two addresses is one server.
     *
     * @param current the one that is followed; {@link #NONE} if nobody is
     * @param cluster the system identifier of the cluster; 0 if not known yet
     * @param highest the highest timeline of a server that was followed; 0 if there was none
     */
    static PrimaryChoice of(List<Candidate> candidates, int current, long cluster, long highest) {
        long top = highest;
        for (Candidate candidate : candidates) {
            RoleFacts claim = claim(candidate, cluster);
            top = claim == null ? top : Math.max(top, claim.timeline());
        }
        List<Integer> writable = new ArrayList<>();
        Set<Instant> servers = new HashSet<>();
        for (int i = 0; i < candidates.size(); i++) {
            RoleFacts claim = claim(candidates.get(i), cluster);
            if (claim != null && claim.timeline() == top && claim.writable()) {
                writable.add(i);
                servers.add(claim.started());
            }
        }
        if (servers.size() > 1) {
            return new Refuse(writable.stream().map(i -> candidates.get(i).name).collect(Collectors.joining(" and "))
                    + " both claim to be the primary on timeline " + top
                    + ", and nobody can tell which is right: nothing is written until one of them stops or becomes a"
                    + " standby");
        }
        List<Integer> answering =
                writable.stream().filter(i -> candidates.get(i).problem == null).toList();
        if (!answering.isEmpty()) {
            return new Follow(answering.contains(current) ? current : answering.get(0));
        }
        String why = describe(candidates, cluster, top);
        boolean silent = current != NONE && candidates.get(current).problem != null;
        return silent ? new Stay(why) : new Refuse(why);
    }

    private static @Nullable RoleFacts claim(Candidate candidate, long cluster) {
        RoleFacts facts = candidate.facts;
        boolean claims = facts != null && !facts.inRecovery() && (cluster == 0 || facts.cluster() == cluster);
        return claims ? facts : null;
    }

    private static String describe(List<Candidate> candidates, long cluster, long top) {
        return "none of " + candidates.size() + " servers takes writes: "
                + candidates.stream()
                        .map(candidate -> candidate.name + " (" + state(candidate, cluster, top) + ")")
                        .collect(Collectors.joining(", "));
    }

    private static String state(Candidate candidate, long cluster, long top) {
        RoleFacts facts = candidate.facts;
        if (candidate.problem != null || facts == null) {
            return candidate.problem == null ? "not asked yet" : candidate.problem;
        }
        if (cluster != 0 && facts.cluster() != cluster) {
            return "of another cluster: system identifier " + Long.toUnsignedString(facts.cluster()) + ", not "
                    + Long.toUnsignedString(cluster);
        }
        if (facts.inRecovery()) {
            return "a standby";
        }
        return facts.timeline() < top
                ? "timeline " + facts.timeline() + ", behind timeline " + top
                : "default_transaction_read_only is on";
    }
}
