package io.forgeloom.testing.chaos;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What commits after {@code subscribe} returned comes once and in the order of commits, or a gap, or the exact number that was
 * missed, in its place. Each publisher numbers what it commits.
 */
final class BusChecker extends Checker {

    /** What was committed so long before a subscription ended has come. */
    private static final long DELIVERED_NANOS = Duration.ofSeconds(3).toNanos();

    /** By publisher, the numbers that are committed, with the moment at which that began, or null where nobody knows. */
    private final Map<String, TreeMap<Long, Long>> committed = new HashMap<>();

    BusChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        Map<String, Long> begun = new HashMap<>();
        history().lines().stream()
                .filter(line -> line.is("sent") || line.is("unsent"))
                .forEach(line -> begun.put(line.node() + "/" + line.get("n"), line.number("begin")));
        for (String key : history().state().sent) {
            int slash = key.indexOf('/');
            committed
                    .computeIfAbsent(key.substring(0, slash), node -> new TreeMap<>())
                    .put(Long.parseLong(key.substring(slash + 1)), begun.getOrDefault(key, Long.MIN_VALUE));
        }
        Map<String, List<Line>> streams = new TreeMap<>();
        for (Line line : history().lines()) {
            if (List.of("got", "gap", "lagged", "closed").contains(line.event())) {
                streams.computeIfAbsent(line.node() + " " + line.get("sub"), name -> new ArrayList<>())
                        .add(line);
            }
        }
        streams.values().forEach(stream -> new Stream().judge(stream));
        judgeOrder(streams);
    }

    /** Two subscribers see what both see in one order. */
    private void judgeOrder(Map<String, List<Line>> streams) {
        List<Line> longest = streams.values().stream()
                .max(Comparator.comparingInt(List::size))
                .orElse(List.of());
        Map<String, Integer> places = new HashMap<>();
        longest.stream().filter(line -> line.is("got")).forEach(line -> places.put(line.get("what"), places.size()));
        for (List<Line> stream : streams.values()) {
            Line before = null;
            for (Line line : stream) {
                if (line.is("got") && places.containsKey(line.get("what"))) {
                    if (before != null && places.get(before.get("what")) > places.get(line.get("what"))) {
                        violated("two subscribers see these in another order", before, line);
                    }
                    before = line;
                }
            }
        }
    }

    /** One subscription, from gap to gap. */
    private final class Stream {

        private final Map<String, Long> lastEver = new HashMap<>();
        private final Map<String, Long> lastSinceGap = new HashMap<>();
        private long gapNanos = Long.MIN_VALUE;

        /** Missing for sure, and perhaps, and told, since the gap. */
        private long missing;

        private long maybe;
        private long told;
        private List<Line> laggedLines = new ArrayList<>();

        void judge(List<Line> lines) {
            for (Line line : lines) {
                switch (line.event()) {
                    case "gap" -> {
                        finish(line, Long.MIN_VALUE);
                        lastSinceGap.clear();
                        laggedLines = new ArrayList<>();
                        missing = 0;
                        maybe = 0;
                        told = 0;
                        gapNanos = line.nanos();
                    }
                    case "lagged" -> {
                        told += line.number("missed");
                        laggedLines.add(line);
                    }
                    case "got" -> got(line);
                    default -> finish(line, line.nanos() - DELIVERED_NANOS);
                }
            }
        }

        private void got(Line line) {
            String what = line.get("what");
            int slash = what.indexOf('/');
            String publisher = what.substring(0, slash);
            long n = Long.parseLong(what.substring(slash + 1));
            if (n <= lastEver.getOrDefault(publisher, 0L)) {
                violated("comes again, or too late: " + publisher + " was at " + lastEver.get(publisher), line);
                return;
            }
            Long last = lastSinceGap.put(publisher, n);
            if (last != null) {
                missing += between(publisher, last, n).size();
            } else {
                first(publisher, n);
            }
            lastEver.put(publisher, n);
            if (missing > told) {
                violated(missing - told + " are missing before this, without a word", line);
                // Once is enough.
                missing = told;
            }
        }

        /** What began before the gap was heard may have been committed before the bus listened. */
        private void first(String publisher, long n) {
            for (long begun :
                    between(publisher, lastEver.getOrDefault(publisher, 0L), n).values()) {
                if (begun > gapNanos) {
                    missing++;
                } else {
                    maybe++;
                }
            }
        }

        /** At a gap, or the end, before which all that began before {@code due} must have come. */
        private void finish(Line at, long due) {
            long late = 0;
            for (String publisher : committed.keySet()) {
                for (long begun : between(publisher, lastEver.getOrDefault(publisher, 0L), Long.MAX_VALUE)
                        .values()) {
                    if (begun > gapNanos && begun < due) {
                        late++;
                    } else if (begun < at.nanos()) {
                        maybe++;
                    }
                }
            }
            if (missing + late > told) {
                violated(missing + late - told + " have not come before the end", at);
            }
            if (told > missing + late + maybe) {
                List<Line> lines = new ArrayList<>(laggedLines);
                lines.add(at);
                violated("told to miss " + told + ", and it misses " + (missing + late + maybe) + " at most", lines);
            }
        }

        private Map<Long, Long> between(String publisher, long after, long before) {
            return committed.getOrDefault(publisher, new TreeMap<>()).subMap(after, false, before, false);
        }
    }
}
