package io.forgeloom.testing.demo;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/** The numbers of the reads while they run, by server: 0 is the primary. Safe for use by many threads. */
final class ReadTally {

    private static final int DIGITS = 3;

    /** Reads that had to show a commit, and of these the ones that did not. */
    final LongAdder afterPosition = new LongAdder();

    final LongAdder stale = new LongAdder();

    /** Reads that asked for no position, right after a commit, and of these the ones that did not show it. */
    final LongAdder withoutPosition = new LongAdder();

    final LongAdder behind = new LongAdder();

    private final LongAdder failed = new LongAdder();
    private final LongAdder failedWithoutFault = new LongAdder();
    private final Map<String, LongAdder> failures = new ConcurrentHashMap<>();
    private final List<String> names;
    private final List<Counts> servers;
    private final List<Fault> faults = new CopyOnWriteArrayList<>();
    private volatile @Nullable Fault current;

    // In microseconds.
    private final Histogram times = new ConcurrentHistogram(DIGITS);

    private record Counts(LongAdder reads, AtomicInteger inFlight) {}

    /** For servers of these names, the primary first. */
    ReadTally(List<String> names) {
        this.names = List.copyOf(names);
        servers = names.stream()
                .map(name -> new Counts(new LongAdder(), new AtomicInteger()))
                .toList();
    }

    List<String> names() {
        return names;
    }

    // ---- for readers ----

    void entered(int server) {
        servers.get(server).inFlight.incrementAndGet();
    }

    void left(int server) {
        servers.get(server).inFlight.decrementAndGet();
    }

    /** A read was answered by {@code server}; {@code atBegin} is what {@link #current} said when it began. */
    void answered(int server, long nanos, @Nullable Fault atBegin) {
        servers.get(server).reads.increment();
        took(nanos, atBegin);
    }

    /** A read failed. */
    void failed(Exception failure, long nanos, @Nullable Fault atBegin) {
        Fault fault = took(nanos, atBegin);
        failed.increment();
        failures.computeIfAbsent(Tally.kind(failure), kind -> new LongAdder()).increment();
        if (fault == null) {
            failedWithoutFault.increment();
        } else {
            fault.failed();
        }
    }

    private @Nullable Fault took(long nanos, @Nullable Fault atBegin) {
        times.recordValue(TimeUnit.NANOSECONDS.toMicros(nanos));
        Fault now = current;
        Fault fault = now == null ? atBegin : now;
        if (fault != null) {
            fault.took(nanos);
        }
        return fault;
    }

    // ---- for the script ----

    /** The fault that is on, or null. */
    @Nullable
    Fault current() {
        return current;
    }

    /** A server is about to be harmed. One at a time. */
    Fault begin(int server, Fault.Kind kind) {
        Fault fault = new Fault(server, names.get(server), kind, inFlight(server));
        faults.add(fault);
        current = fault;
        return fault;
    }

    /** What {@link #begin} announced is done. */
    void harmed(Fault fault) {
        fault.inFlight(inFlight(fault.server));
    }

    /** Reads go to the server again. */
    void back(Fault fault) {
        fault.back(reads(fault.server));
    }

    /** The fault is over, or was waited for in vain: a read that begins from now on fails for no fault's sake. */
    void end() {
        current = null;
    }

    private int inFlight(int server) {
        return servers.get(server).inFlight.get();
    }

    // ---- for views ----

    long reads(int server) {
        return servers.get(server).reads.sum();
    }

    long reads() {
        return servers.stream().mapToLong(counts -> counts.reads.sum()).sum();
    }

    long failed() {
        return failed.sum();
    }

    long failedWithoutFault() {
        return failedWithoutFault.sum();
    }

    Map<String, Long> failuresByKind() {
        Map<String, Long> kinds = new TreeMap<>();
        failures.forEach((kind, count) -> kinds.put(kind, count.sum()));
        return kinds;
    }

    List<Fault.Result> faults() {
        return faults.stream().map(fault -> fault.result(reads(fault.server))).toList();
    }

    Histogram times() {
        return times.copy();
    }
}
