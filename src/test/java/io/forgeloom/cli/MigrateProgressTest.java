package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.migrate.MigrationEvent;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** What a run shows, on terminals of several widths and on none. */
class MigrateProgressTest {

    private final StringWriter written = new StringWriter();
    private final AtomicLong clock = new AtomicLong(-5_000);

    private MigrateProgress progress(int columns, boolean unicode) {
        return new MigrateProgress(new PrintWriter(written), columns, unicode, clock::get);
    }

    private void pass(Duration time) {
        clock.addAndGet(time.toNanos());
    }

    /** Two files of four statements, the first of them applied, half of the second done. */
    private void run(MigrateProgress progress) {
        progress.accept(new MigrationEvent.Planned(2, 8));
        for (int file = 1; file <= 2; file++) {
            progress.accept(new MigrationEvent.Started("000" + file + "_some", "dir/x.sql", file, 4));
            for (int statement = 1; statement <= (file == 1 ? 4 : 2); statement++) {
                pass(Duration.ofSeconds(1));
                progress.accept(new MigrationEvent.StatementDone("000" + file + "_some", statement, Duration.ZERO));
            }
            if (file == 1) {
                progress.accept(new MigrationEvent.Applied("0001_some", Duration.ofMillis(1234)));
            }
        }
    }

    /** As a terminal shows it: what is written after a return to the start of the line replaces what was there. */
    private List<String> screen() {
        return Arrays.stream(written.toString().replace("\033[K", "").split("\n"))
                .map(line -> line.substring(line.lastIndexOf('\r') + 1))
                .toList();
    }

    @Test
    void terminalHasALineForEachFileAndABarBelow() {
        MigrateProgress progress = progress(80, true);
        run(progress);
        assertEquals(
                List.of(
                        "[1/2] 0001_some: 4 statements, 1234 ms",
                        "███████████████░░░░░ 6/8 statements, 6 s, file 2/2 0002_some"),
                screen().stream().filter(line -> !line.isEmpty()).toList());
        pass(Duration.ofSeconds(61));
        progress.tick();
        assertTrue(screen().getLast().contains("6/8 statements, 1 min 7 s, "), written::toString);
        progress.end();
        assertTrue(written.toString().endsWith("\r\033[K"), "the bar is taken away");
        int length = written.toString().length();
        progress.tick();
        assertEquals(length, written.toString().length(), "and stays away");
    }

    @Test
    void fileThatBeginsAgainTakesItsStatementsBack() {
        MigrateProgress progress = progress(80, false);
        run(progress);
        progress.accept(new MigrationEvent.Retrying("0002_some", 1, Duration.ofMillis(100), "canceled\ndue to"));
        List<String> screen = screen();
        assertEquals(
                "0002_some: attempt 1 was rolled back (canceled due to); again in 100 ms",
                screen.get(screen.size() - 2));
        assertEquals("##########.......... 4/8 statements, 6 s, file 2/2 0002_some", screen.getLast());
    }

    @Test
    void narrowTerminalNeverWraps() {
        for (int columns = 1; columns <= 80; columns++) {
            int width = columns;
            written.getBuffer().setLength(0);
            run(progress(columns, false));
            screen().stream()
                    .filter(line -> !line.startsWith("[1/2]"))
                    .forEach(line -> assertTrue(line.length() < width, line));
        }
    }

    @Test
    void manyStatementsAreNotDrawnEach() {
        MigrateProgress progress = progress(80, false);
        progress.accept(new MigrationEvent.Planned(1, 10_000));
        progress.accept(new MigrationEvent.Started("0001_some", "x.sql", 1, 10_000));
        for (int i = 1; i <= 10_000; i++) {
            pass(Duration.ofMillis(1));
            progress.accept(new MigrationEvent.StatementDone("0001_some", i, Duration.ZERO));
        }
        long drawn = written.toString().chars().filter(c -> c == '\r').count();
        assertTrue(drawn >= 199 && drawn <= 202, drawn + " times in 10 s");
    }

    @Test
    void withoutATerminalThereAreLinesAndASignOfLife() {
        MigrateProgress progress = progress(0, true);
        run(progress);
        pass(Duration.ofSeconds(10));
        progress.tick();
        assertEquals(List.of("[1/2] 0001_some: 4 statements, 1234 ms"), screen());
        pass(Duration.ofSeconds(20));
        progress.tick();
        progress.tick();
        assertEquals("still at 0002_some: 2 of 4 statements done, 36 s", screen().getLast());
        assertEquals(2, screen().size());
        progress.end();
        assertFalse(written.toString().contains("\r") || written.toString().contains("\033"));
    }
}
