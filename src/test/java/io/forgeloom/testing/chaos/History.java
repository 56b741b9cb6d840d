package io.forgeloom.testing.chaos;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** All lines of a run by their time, and what the database has in the end. Immutable once made. */
final class History {

    /** A fault, from its begin until all is as before; a run that ends sooner ends it. */
    record Fault(int id, Kind kind, String victim, long begin, long end) {

        /** Whether it has anything to do with the time from {@code from} to {@code to}. */
        boolean touches(long from, long to) {
            return begin <= to && end >= from;
        }

        boolean hits(String slot) {
            return !kind.ofNode() || victim.equals(slot);
        }
    }

    private final List<Line> lines;
    private final FinalState state;
    private final List<Fault> faults = new ArrayList<>();
    private final Set<String> killed = new HashSet<>();

    History(List<Line> unordered, FinalState state) {
        List<Line> ordered = new ArrayList<>(unordered);
        ordered.sort(Comparator.comparingLong(Line::nanos));
        this.lines = List.copyOf(ordered);
        this.state = state;
        for (Line line : lines) {
            if (line.is("fault")) {
                faults.add(new Fault(
                        (int) line.number("id"),
                        Kind.valueOf(line.get("kind")),
                        line.get("victim"),
                        line.nanos(),
                        endOf(line.number("id"))));
            } else if (line.is("killed")) {
                killed.add(line.get("name"));
            }
        }
    }

    private long endOf(long id) {
        return lines("healed")
                .filter(line -> line.number("id") == id)
                .mapToLong(Line::nanos)
                .findFirst()
                .orElse(Long.MAX_VALUE);
    }

    List<Line> lines() {
        return lines;
    }

    Stream<Line> lines(String event) {
        return lines.stream().filter(line -> line.is(event));
    }

    FinalState state() {
        return state;
    }

    List<Fault> faults() {
        return faults;
    }

    /** Whether the process was ended with SIGKILL, so that the last it did may not be told. */
    boolean wasKilled(String node) {
        return killed.contains(node);
    }

    /** Whether nothing was done to that slot, or to the servers, in that time. */
    boolean calm(String slot, long from, long to) {
        return faults.stream().noneMatch(fault -> fault.hits(slot) && fault.touches(from, to));
    }

    /** How long a process was stopped within that time. */
    long stopped(String slot, long from, long to) {
        return faults.stream()
                .filter(fault -> fault.kind() == Kind.PAUSE && fault.victim().equals(slot) && fault.touches(from, to))
                .mapToLong(fault -> Math.min(to, fault.end()) - Math.max(from, fault.begin()))
                .sum();
    }

    /** Whether a server was promoted in that time. */
    boolean promoted(long from, long to) {
        return faults.stream().anyMatch(fault -> fault.kind() == Kind.PROMOTION && fault.touches(from, to));
    }
}
