package io.forgeloom.testing.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.PoolStats;
import io.forgeloom.database.ReplicaLag;
import io.forgeloom.database.ReplicaStatus;
import io.forgeloom.database.ReplicaStatus.State;
import io.forgeloom.testing.demo.Events.Event;
import io.forgeloom.testing.demo.LeaderFindings.Takeover;
import io.forgeloom.testing.demo.Outage.ServerState;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LiveViewTest {

    private static final Snapshot BUSY = new Snapshot(
            12_345_678_901L,
            20_000_000_000L,
            1_234_567,
            98_765,
            Collections.nCopies(40, 700L),
            123,
            45,
            678,
            90,
            new PoolStats("primary", 1000, 600, 300, 4, 0, 0, 19_000, 0, 0, 0, List.of()),
            ServerState.RECOVERING,
            4_000_000_000L,
            new Snapshot.Reads(
                    12_345_678, 98_765, 12_345, 678, 901, List.of(replica("replica-1"), replica("replica-2"))),
            new BusFindings(1_234_567, 12_345_678, 1_234, 123_456, 0, 0, 3),
            false,
            new LeaderFindings(
                    List.of(new Takeover("kill -9", 123_456_789L), new Takeover("SIGSTOP", 3_123_456_789L)),
                    "node-4",
                    1_234,
                    123_456,
                    1_234_567,
                    0,
                    List.of()),
            new ChangeFindings(-1, 12_345_678, 0, 1_234, false),
            new RuntimeFindings(12_345, false, 123_456, 12_345, 1_234, -1, 0),
            new Event(1, true, "a line\nof the log\u001b[2J, d\u00e9j\u00e0 vu \u65e5\u672c, " + "long ".repeat(40)));

    @ParameterizedTest
    @CsvSource({"40, true", "80, true", "100, true", "40, false", "80, false"})
    void noLineOfFrameIsWiderThanTheTerminal(int width, boolean unicode) {
        for (String line : frame(new Terminal(true, width, unicode, false))) {
            assertTrue(line.length() <= width, () -> line.length() + " columns of " + width + ": " + line);
            assertTrue(line.chars().noneMatch(Character::isISOControl), line);
            assertTrue(unicode || line.chars().allMatch(c -> c < 127), line);
        }
    }

    @Test
    void coloursChangeNothingButTheLook() {
        String colored = String.join("\n", frame(new Terminal(true, 80, true, true)));
        String plain = String.join("\n", frame(new Terminal(true, 80, true, false)));
        assertTrue(colored.contains("\u001b[33m"), colored);
        assertEquals(plain, colored.replaceAll("\u001b\\[[0-9;]*m", ""));
    }

    @Test
    void nextFrameIsDrawnOverTheLast() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        LiveView view = view(new PrintStream(bytes, true, StandardCharsets.UTF_8), new Terminal(true, 80, true, false));
        view.show(BUSY);
        String first = bytes.toString(StandardCharsets.UTF_8);
        int lines = (int) first.chars().filter(c -> c == '\n').count();
        bytes.reset();
        view.show(BUSY);
        assertTrue(bytes.toString(StandardCharsets.UTF_8).contains("\u001b[" + lines + "A"));
        bytes.reset();
        view.print(List.of("the report"));
        assertEquals(LiveView.RESTORE + "the report\n", bytes.toString(StandardCharsets.UTF_8));
        view.show(BUSY);
        bytes.reset();
        view.report(List.of("instead"));
        assertEquals(
                "\u001b[" + lines + "A\r\u001b[J" + LiveView.RESTORE + "instead\n",
                bytes.toString(StandardCharsets.UTF_8));
        assertTrue(lines <= 23, lines + " lines");
    }

    @Test
    void terminalIsLiveOnlyWhereItCanRedraw() {
        Map<String, String> xterm = Map.of("TERM", "xterm");
        assertTrue(detect(xterm, false, "24 120").live());
        assertFalse(detect(xterm, false, "").live(), "output is no terminal");
        assertFalse(detect(xterm, true, "24 120").live(), "--plain");
        assertFalse(detect(Map.of("TERM", "dumb"), false, "24 120").live(), "dumb");
        assertFalse(detect(Map.of("TERM", "xterm", "NO_COLOR", "1"), false, "24 120")
                .color());
        assertTrue(
                detect(Map.of("TERM", "xterm", "NO_COLOR", ""), false, "24 120").color());
    }

    @Test
    void widthComesFromColumnsThenFromTheTerminal() {
        assertEquals(60, detect(Map.of("COLUMNS", "60"), false, "24 90").width());
        assertEquals(90, detect(Map.of("COLUMNS", "many"), false, "24 90").width());
        assertEquals(80, detect(Map.of(), false, "0 0").width());
        assertEquals(100, detect(Map.of(), false, "24 300").width());
    }

    private static Snapshot.Replica replica(String name) {
        PoolStats pool = new PoolStats(name, 500, 300, 100, 4, 0, 1, 0, 0, 0, 0, List.of());
        ReplicaLag lag = new ReplicaLag(Duration.ofHours(1), false, 987_654_321, Duration.ZERO);
        return new Snapshot.Replica(
                new ReplicaStatus(name, State.NOT_A_REPLICA, Instant.EPOCH, "promoted", lag, 1, 0.5, pool), 6_000_000);
    }

    private static Terminal detect(Map<String, String> environment, boolean plain, String size) {
        return Terminal.detect(StandardCharsets.UTF_8, plain, environment, size);
    }

    private static List<String> frame(Terminal terminal) {
        LiveView view = view(new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8), terminal);
        view.ready("PostgreSQL 18.6 embedded, port 23069, fsync on; 20000 threads, 1000 connections");
        return view.frame(BUSY).stream().map(Text::toString).collect(Collectors.toList());
    }

    private static LiveView view(PrintStream out, Terminal terminal) {
        return new LiveView(out, terminal, "Forgeloom demo");
    }
}
