package io.forgeloom.testing.chaos;

import io.forgeloom.leader.LeaderRole;
import io.forgeloom.leader.LeadershipToken;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Terms grow; where a winner waits, no two ever believe to lead, and where it does not, for a moment; what an earlier leader
 * writes is refused; and when all is well again somebody leads.
 */
final class LeaderChecker extends Checker {

    /** A look at the lock, and what a busy machine needs to make one. */
    private static final Duration BOTH = Duration.ofMillis(300 + 500);

    /** Two leases and some attempts to connect. */
    static final Duration SOMEBODY = Duration.ofSeconds(9);

    /** A reign is told of five times a second. */
    private static final long RECENTLY_NANOS = Duration.ofSeconds(1).toNanos();

    private record Reign(String node, LeadershipToken token, long from, long last, Line line) {}

    LeaderChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        for (LeaderRole role : List.of(ChaosSchema.SWIFT, ChaosSchema.SAFE)) {
            List<Reign> reigns = reigns(role.name());
            checkOverlaps(reigns, role.equals(ChaosSchema.SAFE));
            checkTokens(reigns);
            checkSomebody(role.name(), reigns);
            checkTerms(role.name());
            checkWrites(role.name());
        }
    }

    private List<Reign> reigns(String role) {
        Map<String, Reign> latest = new LinkedHashMap<>();
        history().lines("reign").filter(line -> line.get("role").equals(role)).forEach(line -> {
            Reign reign = new Reign(
                    line.node(),
                    LeadershipToken.parse(line.get("token")),
                    line.number("from"),
                    line.number("last"),
                    line);
            latest.merge(line.node() + line.get("from"), reign, (a, b) -> a.last > b.last ? a : b);
        });
        List<Reign> reigns = new ArrayList<>(latest.values());
        reigns.sort(Comparator.comparingLong(Reign::from));
        return reigns;
    }

    private void checkOverlaps(List<Reign> reigns, boolean never) {
        for (int i = 0; i < reigns.size(); i++) {
            Reign first = reigns.get(i);
            for (int j = i + 1; j < reigns.size(); j++) {
                Reign second = reigns.get(j);
                long until = Math.min(first.last, second.last);
                long both = until - second.from;
                if (both <= 0 || first.node.equals(second.node)) {
                    continue;
                }
                long stopped = history().stopped(Line.slot(first.node), second.from, until)
                        + history().stopped(Line.slot(second.node), second.from, until);
                if (never || both > BOTH.toNanos() + stopped) {
                    violated("two leaders for " + both / 1_000 + " us", first.line, second.line);
                }
            }
        }
    }

    private void checkTokens(List<Reign> reigns) {
        Map<LeadershipToken, Reign> owners = new HashMap<>();
        Map<String, Reign> before = new HashMap<>();
        for (Reign reign : reigns) {
            Reign owner = owners.putIfAbsent(reign.token, reign);
            if (owner != null && !owner.node.equals(reign.node)) {
                violated("two leaders with one token", owner.line, reign.line);
            }
            Reign earlier = before.put(reign.node, reign);
            if (earlier != null && earlier.token.compareTo(reign.token) > 0) {
                violated("a token that is smaller than the one before", earlier.line, reign.line);
            }
        }
    }

    /** Between the end of each fault and the begin of the next one, where there is time enough. */
    private void checkSomebody(String role, List<Reign> reigns) {
        long over = history().lines("quiet").mapToLong(Line::nanos).findFirst().orElse(Long.MIN_VALUE);
        for (History.Fault fault : history().faults()) {
            long due = fault.end() == Long.MAX_VALUE ? Long.MAX_VALUE : fault.end() + SOMEBODY.toNanos();
            boolean disturbed = due > over
                    || history().faults().stream()
                            .anyMatch(other -> other != fault && other.touches(fault.end() + 1, due));
            if (!disturbed
                    && reigns.stream().noneMatch(reign -> reign.from <= due && reign.last >= due - RECENTLY_NANOS)) {
                history()
                        .lines("healed")
                        .filter(line -> line.number("id") == fault.id())
                        .forEach(line -> violated(
                                "nobody leads " + role + " " + SOMEBODY.toMillis() + " ms after the fault", line));
            }
        }
    }

    private void checkTerms(String role) {
        FinalState.LeaderTerm before = null;
        for (FinalState.LeaderTerm term : history().state().leaderTerms) {
            if (term.role().equals(role)) {
                if (before != null && compare(before.timeline(), before.term(), term.timeline(), term.term()) >= 0) {
                    violated("a term that does not grow: " + before + " and " + term);
                }
                before = term;
            }
        }
    }

    private void checkWrites(String role) {
        FinalState.LeaderWrite before = null;
        for (FinalState.LeaderWrite write : history().state().leaderWrites) {
            if (!write.role().equals(role)) {
                continue;
            }
            if (compare(write.timeline(), write.term(), write.latestTimeline(), write.latestTerm()) != 0) {
                violated("a write of an earlier leader was accepted: " + write);
            }
            if (before != null && compare(before.timeline(), before.term(), write.timeline(), write.term()) > 0) {
                violated("a write of an earlier leader after one of a later: " + before + " and " + write);
            }
            before = write;
        }
    }

    private static int compare(long timeline, long term, long otherTimeline, long otherTerm) {
        return timeline == otherTimeline ? Long.compare(term, otherTerm) : Long.compare(timeline, otherTimeline);
    }
}
